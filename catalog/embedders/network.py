"""What each network's module in this package provides."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


class WeightsUnavailable(Exception):
    """The pretrained weights can't be found or downloaded; the message says why."""


@dataclass(frozen=True)
class Network:
    """A pretrained network. `build(weights)` makes it in TensorFlow, from a file or the default.

    The built network takes uint8 pictures (n, input_size, input_size, 3) and returns float32
    features (n, dim). Only `download_model` builds networks; serving loads what it stored.
    """

    name: str
    dim: int
    input_size: int  # pixels, both sides
    build: Callable[[Path | None], "keras.Model"]
