"""Builds a network in TensorFlow once, and stores the compiled form that serving loads."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalog.embedders.network import Network, WeightsUnavailable
from catalog.embedders.prepared import (
    GRAPH_FILE,
    EmbedderUnavailable,
    Manifest,
    find_prepared,
    sha256,
    store,
)
from catalog.embedders.preprocessing import PREPROCESSING

if TYPE_CHECKING:
    import keras

MIN_COSINE = 0.99999


class ExportFailed(Exception):
    """The stored network does not compute what TensorFlow computes."""


def export(
    network: Network, model_dir: Path, weights: Path | None, report: Callable[[str], None]
) -> Manifest:
    """Build, convert, check and store a network. Returns what is stored.

    Does nothing if that was done before with the same weights file. Raises WeightsUnavailable or
    ExportFailed; nothing has then changed on disk.
    """
    try:
        source = "default" if weights is None else sha256(weights)
    except OSError as error:
        raise WeightsUnavailable(f"{weights} can't be read: {error.strerror}.") from error
    with suppress(EmbedderUnavailable):
        stored = find_prepared(model_dir, network.name)[1]
        if stored.source == source:
            return stored
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # otherwise it writes about it to stderr
    report("importing TensorFlow")
    import tensorflow  # noqa: F401, the conversion needs it to be imported before Keras

    from catalog.embedders.runtime import openvino

    report("building the network")
    model = network.build(weights)
    if model.output_shape != (None, network.dim):
        raise ExportFailed(f"The network gives {model.output_shape}, not {network.dim} numbers.")
    digest = hashlib.sha256(f"{PREPROCESSING}, {network.input_size}, {network.dim}".encode())
    for array in model.get_weights():
        digest.update(np.ascontiguousarray(array, "<f4").tobytes())
    identity = f"{network.name}-{digest.hexdigest()[:8]}"
    manifest = Manifest(
        network.name, identity, network.dim, network.input_size, PREPROCESSING, source
    )

    def save(folder: Path) -> None:
        report("converting")
        # Through a SavedModel: given the Keras object itself, Keras warns about its inputs.
        with tempfile.TemporaryDirectory() as saved:
            model.export(saved, verbose=False)
            converted = openvino.convert_model(saved)
        openvino.save_model(converted, folder / GRAPH_FILE, compress_to_fp16=False)
        report("checking against TensorFlow")
        _check(model, folder / GRAPH_FILE, network.input_size)

    store(model_dir, manifest, save)
    return manifest


def _check(model: "keras.Model", graph: Path, size: int) -> None:
    from catalog.embedders.runtime import infer, load_network

    square = known_picture(size)[np.newaxis]
    expected = model.predict(square, verbose=0)[0]
    found = infer(load_network(graph).create_infer_request(), square)
    cosine = float(found @ expected / np.linalg.norm(found) / np.linalg.norm(expected))
    if not cosine >= MIN_COSINE:
        raise ExportFailed(f"The stored network's cosine to TensorFlow's result is {cosine:.6f}.")


def known_picture(size: int) -> NDArray[np.uint8]:
    """A picture (size, size, 3) that is the same on every machine: waves, different by channel."""
    y, x = np.mgrid[0:size, 0:size] / size
    waves = [np.sin(2 * np.pi * (k * x + (4 - k) * y)) * np.cos(9 * x * y) for k in (1, 2, 3)]
    return (127.5 * (1 + np.stack(waves, axis=-1))).astype(np.uint8)
