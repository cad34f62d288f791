"""MobileNetV2 (Sandler et al., 2018) of `keras.applications`: alpha 1.0, ImageNet weights."""

import socket
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.embedders.network import Network, WeightsUnavailable

if TYPE_CHECKING:
    import keras

REMEDY = "Set MOBILENET_V2_WEIGHTS to a file that has them, or EMBEDDER=efficientnet_lite0."
DOWNLOAD_TIMEOUT = 20  # seconds without an answer


def build(weights: Path | None) -> "keras.Model":
    """uint8 pictures (n, 224, 224, 3) to float32 features (n, 1280).

    Without a weights file Keras takes them from its cache or downloads them.
    Raises WeightsUnavailable.
    """
    import keras

    size = NETWORK.input_size
    pixels = keras.Input((size, size, 3), dtype="uint8", name="pixels")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(pixels)
    return keras.Model(pixels, _backbone(weights)(scaled))


def _backbone(weights: Path | None) -> "keras.Model":
    import keras

    size = NETWORK.input_size
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)  # Keras' own download would wait for ever
    try:
        return keras.applications.MobileNetV2(
            input_shape=(size, size, 3),
            include_top=False,
            pooling="avg",
            weights=str(weights or "imagenet"),
        )
    except Exception as error:  # what Keras raises when a download fails is no more exact
        raise WeightsUnavailable(f"{error}. {REMEDY}") from error
    finally:
        socket.setdefaulttimeout(before)


NETWORK = Network(name="mobilenet_v2", dim=1280, input_size=224, build=build)
