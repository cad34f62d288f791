"""Vectors of real pictures for the benchmarks, made once and kept in `var/bench`.

A catalog needs more pictures than we have photos, so that each gives many: a piece of 15 to 100 %
of its area, its sides in another proportion, turned by up to 15 degrees, half of them mirrored, in
other light and colours. The project's own embedder sees each. Every fifth photo is held out of
the catalog, for the queries.
"""

import hashlib
import os
import random
import sys
from collections.abc import Iterator
from itertools import islice
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from catalog.embedders import get_embedder  # noqa: E402
from catalog.pictures.gate import open_image  # noqa: E402

Vectors = NDArray[np.float32]

STORE = ROOT / "var" / "bench"
SHARD = 10_000  # vectors in a file
EMBEDDED = 100_000  # of a larger catalog, so many are embedded and the others blended
HELD_OUT = 5  # one in so many photos
COLOURS = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)


def catalog_vectors(folder: Path, count: int) -> Vectors:
    """Unit rows (count, dim) of pieces of the folder's photos, mapped from a file.

    Beyond EMBEDDED, a row is the mean of two of those, weighted by chance: nearly what average
    pooling makes of a picture that shows both side by side. They lie among the real ones, and
    nearer to their middle.
    """
    file = STORE / f"{_digest(folder)}-{count}.npy"
    if not file.exists():
        real = _shards(folder, min(count, EMBEDDED))
        first = next(real)
        shape = (count, first.shape[1])
        rows = np.lib.format.open_memmap(file.with_suffix(".new"), "w+", np.float32, shape)
        end = 0
        for shard in (first, *real):
            rows[end : end + len(shard)] = shard[: count - end]
            end = min(count, end + len(shard))
        _blend(rows, end)
        rows.flush()
        file.with_suffix(".new").rename(file)
    vectors: Vectors = np.load(file, mmap_mode="r")
    return vectors


def query_vectors(folder: Path, count: int) -> Vectors:
    """Unit rows (count, dim): four in five of photos held out, the fifth of drawn pictures."""
    file = STORE / f"{_digest(folder)}-queries-{count}.npy"
    if not file.exists():
        photos = held_out(folder)
        likely = (_varied(_open(photos[i % len(photos)]), i) for i in range(count - count // 5))
        strange = (_drawn(i) for i in range(count // 5))
        np.save(file, np.concatenate([*_embed(likely), *_embed(strange)]))
    vectors: Vectors = np.load(file)
    return vectors


def _shards(folder: Path, count: int) -> Iterator[Vectors]:
    """The embedded pieces of the photos, SHARD at a time, made where they are missing."""
    (STORE / _digest(folder)).mkdir(parents=True, exist_ok=True)
    files = [STORE / _digest(folder) / f"{start}.npy" for start in range(0, count, SHARD)]
    missing = [(folder, file) for file in files if not file.exists()]
    context = get_context("spawn")
    cores: Queue[int] = context.Queue()
    for core in (available := sorted(os.sched_getaffinity(0))):
        cores.put(core)
    if missing:
        with context.Pool(len(available), _take_core, (cores,)) as pool:
            pool.starmap(_make_shard, missing, chunksize=1)
    return (np.load(file) for file in files)


def _take_core(cores: "Queue[int]") -> None:
    """A process on each core embeds nearly twice what one process on all of them does."""
    os.sched_setaffinity(0, {cores.get()})


def _make_shard(folder: Path, file: Path) -> None:
    photos = [_open(photo) for i, photo in enumerate(_photos(folder)) if i % HELD_OUT]
    numbers = range(int(file.stem), int(file.stem) + SHARD)
    rows = np.concatenate([*_embed(_varied(photos[i % len(photos)], i) for i in numbers)])
    np.save(file.with_suffix(".new.npy"), rows)
    file.with_suffix(".new.npy").rename(file)
    print(f"embedded {numbers.stop:,} pictures", file=sys.stderr, flush=True)


def _embed(pictures: Iterator[Image.Image]) -> Iterator[Vectors]:
    embedder = get_embedder("efficientnet_lite0", ROOT / "var" / "models")
    while squares := [embedder.pixels(picture) for picture in islice(pictures, 100)]:
        yield embedder.embed(np.stack(squares))


def _blend(rows: Vectors, real: int) -> None:
    chance = np.random.default_rng(real)
    for start in range(real, len(rows), SHARD):
        blended = rows[start : start + SHARD]
        pairs = chance.integers(0, real, (2, len(blended)))
        share = chance.random((len(blended), 1), np.float32)
        mean = share * rows[pairs[0]] + (1 - share) * rows[pairs[1]]
        blended[:] = mean / np.linalg.norm(mean, axis=1, keepdims=True)


def held_out(folder: Path) -> list[Path]:
    """The photos that no vector of the catalog is made from."""
    return _photos(folder)[::HELD_OUT]


def _photos(folder: Path) -> list[Path]:
    suffixes = {".jpg", ".jpeg", ".png", ".webp"}
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in suffixes)


def _digest(folder: Path) -> str:
    names = "".join(f"{file.relative_to(folder)}" for file in _photos(folder))
    return hashlib.sha256(names.encode()).hexdigest()[:8]


def _open(file: Path) -> Image.Image:
    picture = open_image(file.read_bytes())
    picture.thumbnail((512, 512))
    return picture


def _varied(photo: Image.Image, seed: int) -> Image.Image:
    """A piece of the photo as somebody else might have taken it; always the same for a seed."""
    chance = random.Random(seed)  # noqa: S311, nothing secret
    area, proportion = chance.uniform(0.15, 1), chance.uniform(0.8, 1.25)
    width = min(1, (area * proportion) ** 0.5) * photo.width
    height = min(1, (area / proportion) ** 0.5) * photo.height
    left, top = chance.uniform(0, photo.width - width), chance.uniform(0, photo.height - height)
    picture = photo.resize((256, 256), box=(left, top, left + width, top + height))
    picture = picture.rotate(chance.uniform(-15, 15), Image.Resampling.BILINEAR)
    picture = picture.crop((16, 16, 240, 240))
    for enhance in COLOURS:
        picture = enhance(picture).enhance(chance.uniform(0.7, 1.3))
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if seed % 2 else picture


def _drawn(seed: int) -> Image.Image:
    """What no shop sells: noise, pages of text, boards of tiles, lines and soft colours."""
    kinds = (_noise, _text, _tiles, _lines, _colours)
    return kinds[seed % len(kinds)](np.random.default_rng(seed))


def _noise(chance: np.random.Generator) -> Image.Image:
    return Image.fromarray(chance.integers(0, 256, (224, 224, 3), np.uint8))


def _text(chance: np.random.Generator) -> Image.Image:
    page = Image.new("RGB", (224, 224), "white")
    for top in range(8, 216, 12):
        words = "".join(map(chr, chance.integers(32, 123, 40)))
        ImageDraw.Draw(page).text((8, top), words, fill="black")
    return page


def _tiles(chance: np.random.Generator) -> Image.Image:
    side = int(chance.integers(2, 16))
    tiles = chance.integers(0, 256, (side, side, 3), np.uint8)
    return Image.fromarray(tiles).resize((224, 224), Image.Resampling.NEAREST)


def _lines(chance: np.random.Generator) -> Image.Image:
    picture = Image.new("RGB", (224, 224), tuple(chance.integers(0, 256, 3).tolist()))
    for ends in chance.integers(0, 224, (60, 4)).tolist():
        ImageDraw.Draw(picture).line(ends, tuple(chance.integers(0, 256, 3).tolist()), 3)
    return picture


def _colours(chance: np.random.Generator) -> Image.Image:
    few = Image.fromarray(chance.integers(0, 256, (4, 4, 3), np.uint8))
    return few.resize((224, 224), Image.Resampling.BICUBIC)
