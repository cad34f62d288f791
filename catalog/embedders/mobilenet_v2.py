"""MobileNetV2 (Sandler et al., 2018) from `keras.applications`: alpha 1.0, ImageNet weights."""

import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError

from catalog.embedders.network import Network, WeightsUnavailable

if TYPE_CHECKING:
    import keras

REMEDY = "Set MOBILENET_V2_WEIGHTS to a file that has them, or EMBEDDER=efficientnet_lite0."
DOWNLOAD_TIMEOUT = 20  # seconds to wait for the server to answer


def build(weights: Path | None) -> "keras.Model":
    """The network from uint8 pictures (n, 224, 224, 3) to float32 features (n, 1280).

    Without a weights file, Keras takes the weights from its cache or downloads them. Raises
    WeightsUnavailable.
    """
    import keras

    size = NETWORK.input_size
    pixels = keras.Input((size, size, 3), dtype="uint8", name="pixels")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(pixels)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)  # Keras' own download would wait forever
    try:
        backbone = keras.applications.MobileNetV2(
            input_shape=(size, size, 3),
            include_top=False,
            pooling="avg",
            weights=str(weights or "imagenet"),
        )
    except Exception as error:  # Keras raises no narrower class when a download fails
        if isinstance(cause := error.__context__, URLError):
            reason = getattr(cause.reason, "strerror", None) or cause.reason
            sentence = f"Its weights can't be downloaded ({reason})."
        else:
            sentence = f"{error}."
        raise WeightsUnavailable(f"{sentence} {REMEDY}") from error
    finally:
        socket.setdefaulttimeout(before)
    return keras.Model(pixels, backbone(scaled))


NETWORK = Network(name="mobilenet_v2", dim=1280, input_size=224, build=build)
