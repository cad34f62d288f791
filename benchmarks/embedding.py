"""How fast are pictures embedded, next to TensorFlow with the same network?

    python benchmarks/embedding.py

All contenders are given the demo's pictures in turns, so that what else the machine does slows
down each of them: once beside TensorFlow as it comes, and once without oneDNN, which it may have
from Intel. The tables are written to `benchmarks/RESULTS.md`.
"""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import cycle, islice
from multiprocessing import get_context
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from report import machine, write_section
from vectors import ROOT, Vectors

from catalog.embedders import get_embedder, get_network
from catalog.embedders.runtime import Embedder, unit_rows
from catalog.pictures.gate import open_image

NAME = "efficientnet_lite0"
TURNS = {1: 60, 32: 8}  # by pictures in a batch

Pixels = NDArray[np.uint8]


@dataclass
class Contender:
    """A way to embed, and how it did."""

    name: str
    features: Callable[[Pixels], Vectors]
    seconds: list[float] = field(default_factory=list)
    cosine: float = 1.0  # the least to ours

    def ask(self, pixels: Pixels, expected: Vectors) -> None:
        started = perf_counter()
        features = self.features(pixels)
        self.seconds.append(perf_counter() - started)
        cosines = (unit_rows(features) * expected).sum(axis=1)
        self.cosine = min(self.cosine, float(cosines.min()))


def main() -> None:
    tables = []
    for name, switch in {"with": "1", "without": "0"}.items():
        os.environ["TF_ENABLE_ONEDNN_OPTS"] = switch  # which is read when TensorFlow is imported
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            tables += [process.submit(_measure, size, f"{name} oneDNN").result() for size in TURNS]
    write_section("embedding", "\n\n".join(["## Embedding", _setting(), *tables]))


def _measure(size: int, kind: str) -> str:
    """The table of batches of so many pictures, beside TensorFlow of this kind."""
    embedder = get_embedder(NAME, ROOT / "var" / "models")
    pixels, contenders = _pixels(embedder, size), _contenders(embedder)
    expected = contenders[0].features(pixels)
    for contender in contenders:  # the first time, each has more to do
        contender.features(pixels)
    for _ in range(TURNS[size]):
        for contender in contenders:
            contender.ask(pixels, expected)
    pictures = "One picture" if size == 1 else f"{size} pictures"
    return f"### {pictures} at a time, TensorFlow {kind}\n\n{_table(contenders, size)}"


def _pixels(embedder: Embedder, size: int) -> Pixels:
    """The centres of so many of the demo's pictures, (size, side, side, 3)."""
    files = islice(cycle(sorted((ROOT / "fixtures" / "images").iterdir())), size)
    pictures = (open_image(file.read_bytes(), at_least=embedder.detail) for file in files)
    return np.stack([embedder.pixels(picture)[0] for picture in pictures])


def _contenders(embedder: Embedder) -> list[Contender]:
    import tensorflow as tf

    model = get_network(NAME).build(None)
    graph = tf.function(model)
    return [
        # A square picture is its own centre and its whole, and is looked at once.
        Contender(
            "visualsearch", lambda pixels: embedder.embed(np.stack([pixels, pixels], axis=1))
        ),
        Contender("`tf.function`", lambda pixels: graph(tf.constant(pixels)).numpy()),
        Contender("Keras, `predict`", lambda pixels: model.predict(pixels, verbose=0)),
        Contender("Keras, called eagerly", lambda pixels: model(pixels).numpy()),
    ]


def _table(contenders: list[Contender], size: int) -> str:
    lines = [
        "| | median ms a picture | of visualsearch's | least cosine to visualsearch's |",
        "|---|--:|--:|--:|",
    ]
    ours = median(contenders[0].seconds)
    for contender in contenders:
        taken = median(contender.seconds)
        figures = f"{1000 * taken / size:.2f} | {taken / ours:.1f} | {contender.cosine:.6f}"
        lines.append(f"| {contender.name} | {figures} |")
    return "\n".join(lines)


def _setting() -> str:
    return (
        f"`python benchmarks/embedding.py`: pixels to vectors, {NAME}, all contenders in turns, "
        f"{' and '.join(map(str, TURNS.values()))} of each. TensorFlow "
        f"{version('tensorflow-cpu')}; {machine()}"
    )


if __name__ == "__main__":
    main()
