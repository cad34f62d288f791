"""Inference with OpenVINO: the compiled form of a network, without TensorFlow."""

import sys
import threading
from functools import cached_property
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catalog.embedders.prepared import GRAPH_FILE, Manifest
from catalog.embedders.preprocessing import CENTRE, DETAIL, WHOLE, to_pixels, within_margins

# On import, openvino reports its use to its maker over the network unless this module is missing.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
import openvino  # noqa: E402

__all__ = ["Embedder", "infer", "load_network", "openvino", "unit_rows"]

# Without the first, some processors compute in bfloat16, and vectors differ between machines.
CONFIGURATION = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}


class Embedder:
    """A prepared network: pictures in, unit vectors out. Safe to share between threads."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.name = manifest.name
        self.identity = manifest.identity
        self.dim = manifest.dim
        self.input_size = manifest.input_size
        self.detail = ceil(DETAIL * manifest.input_size)  # `at_least` for `open_image`
        self._graph = folder / GRAPH_FILE
        self._network = load_network(self._graph)
        if list(self._network.output(0).shape) != [1, self.dim]:
            raise ValueError(f"The stored network does not give {self.dim} numbers.")
        self._local = threading.local()  # an inference request serves one thread at a time
        # OpenVINO builds tables during its first inference. Two threads that both run the first
        # one wait for each other forever, holding the interpreter's lock, so it is run here.
        self.embed(np.zeros((1, 2, self.input_size, self.input_size, 3), np.uint8))

    def pixels(self, picture: Image.Image) -> NDArray[np.uint8]:
        """The centre and the whole of an RGB picture without its margins.

        (2, input_size, input_size, 3) uint8.
        """
        return to_pixels(picture.crop(within_margins(picture)), self.input_size)

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, 2, input_size, input_size, 3) uint8 to (n, dim) float32 unit rows.

        Squares are inferred one at a time. Measured, that is no slower than in batches, and a
        vector then never depends on other pictures. A picture without any response gives zeros.
        """
        features = np.empty((len(pixels), self.dim), np.float32)
        for row, (centre, whole) in zip(features, pixels, strict=True):
            row[:] = CENTRE * self.features(centre)
            if not np.array_equal(centre, whole):  # they are equal for a square picture
                row += WHOLE * self.features(whole)
        return unit_rows(features)

    def regions(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, 2, input_size, input_size, 3) uint8 to (n, 2, rows, columns, dim) float32.

        What each region of both squares adds to the vector: their sum is what `embed` returns.
        The first call compiles the network a second time, without its pooling.
        """
        request = self._unpooled.create_infer_request()
        maps = [[request.infer(square[np.newaxis])[0][0] for square in both] for both in pixels]
        regions = np.array(maps, np.float32)
        regions /= _lengths(regions.sum(axis=(2, 3), keepdims=True))
        regions *= np.array([CENTRE, WHOLE], np.float32).reshape(2, 1, 1, 1)
        regions /= _lengths(regions.sum(axis=(1, 2, 3), keepdims=True))
        return regions

    def features(self, square: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(input_size, input_size, 3) uint8 to (dim,) float32 of unit length, or zeros."""
        if not hasattr(self._local, "request"):
            self._local.request = self._network.create_infer_request()
        return unit_rows(infer(self._local.request, square[np.newaxis]))

    @cached_property
    def _unpooled(self) -> openvino.CompiledModel:
        return load_network(self._graph, pooled=False)


def load_network(graph: Path, *, pooled: bool = True) -> openvino.CompiledModel:
    """The network stored at `graph`, compiled for one picture at a time.

    Unpooled, it returns the map (1, rows, columns, dim) whose mean the pooled network returns.
    Raises ValueError if the stored network does not end in average pooling.
    """
    core = openvino.Core()
    model = core.read_model(graph)
    model.reshape([1, *list(model.input().partial_shape)[1:]])
    if not pooled:
        pooling = model.output(0).get_node().input_value(0).get_node()
        if pooling.get_type_name() != "ReduceMean":
            raise ValueError("The stored network does not end in average pooling.")
        is_channels_first = 1 not in pooling.input_value(1).get_node().get_data()
        order = [0, 2, 3, 1] if is_channels_first else [0, 1, 2, 3]
        channels_last = openvino.opset13.transpose(pooling.input_value(0), order)
        model = openvino.Model([channels_last], model.get_parameters())
    return core.compile_model(model, "CPU", CONFIGURATION)


def infer(request: openvino.InferRequest, square: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(1, input_size, input_size, 3) uint8 to (dim,) float32 features of any length."""
    features: NDArray[np.float32] = request.infer(square)[0][0]
    return features


def unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """One row (dim,) or many (n, dim) scaled to length 1; zero rows stay zero."""
    units: NDArray[np.float32] = rows / _lengths(rows)
    return units


def _lengths(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The lengths along the last axis, which is kept; 1 instead of 0, to divide by."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    divisors: NDArray[np.float32] = np.where(lengths > 0, lengths, np.float32(1))
    return divisors
