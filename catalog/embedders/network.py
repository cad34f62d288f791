"""What a module of this package says of its network."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


class WeightsUnavailable(Exception):
    """The pretrained weights are neither here nor to be had; the message says why."""


@dataclass(frozen=True)
class Network:
    """A pretrained network: `build(weights)` makes it in TensorFlow, from a file or its default.

    The built network takes uint8 pictures (n, input_size, input_size, 3) and gives float32
    features (n, dim). Only `download_model` builds; serving loads what it stored.
    """

    name: str
    dim: int
    input_size: int  # pixels, both sides
    build: Callable[[Path | None], "keras.Model"]
