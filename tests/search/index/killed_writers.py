"""Writes snapshots without a pause, and is killed twenty times over it; see test_snapshots.

Each snapshot says the same number in all its arrays, so that a mixed one would show. Ends when
several different ones were found in use.
"""

import os
import random
import signal
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from time import sleep

import django
import numpy as np

os.environ["DJANGO_SETTINGS_MODULE"] = "visualsearch.settings"
django.setup()

from search.index import snapshots  # noqa: E402
from search.index.corpus import Segment  # noqa: E402
from search.index.snapshots import Part, exclusive, load_snapshot, save_snapshot  # noqa: E402
from search.ranking import Matrix  # noqa: E402

ITEMS, DIM = 300, 136
snapshots.WORTHWHILE = 1000  # so that there are bounds, too


def parts(number: int) -> Iterator[Part]:
    for place in range(4):
        rows = np.full((ITEMS, DIM), number, np.float32)
        ids = np.full(ITEMS, number, np.int64)
        matrix = Matrix(rows, np.arange(ITEMS))
        columns = (ids, ids, ids, ids, ids, ids.astype(np.float64), ids.astype(np.int8), ids)
        segment = Segment(matrix, *columns)
        yield place, (number, number, number, number), segment


def write_for_ever(folder: Path) -> None:
    for number in count(os.getpid() * 1000):
        with exclusive(folder):
            save_snapshot(folder, parts(number), DIM)


def number_in_use(folder: Path) -> int:
    """The number of the snapshot in use, which must be whole."""
    snapshot = load_snapshot(folder)
    segment = snapshot.segment
    number = int(segment.products[0])
    columns = (segment.products, segment.categories, segment.photos, segment.images, segment.prices)
    columns += (segment.groups,)
    assert all((column == number).all() and len(column) == 4 * ITEMS for column in columns)
    assert (segment.matrix.rows == np.float32(number)).all()
    assert segment.matrix.bounds is not None
    assert segment.matrix.bounds.heads.shape[0] == 4 * ITEMS
    assert snapshot.tallies == dict.fromkeys(range(4), (number,) * 4)
    return number


def main(folder: Path) -> None:
    with exclusive(folder):
        save_snapshot(folder, parts(1), DIM)
    seen, kills = {number_in_use(folder)}, count()
    while len(seen) < 5 or next(kills) < 20:
        writer = os.fork()
        if not writer:
            write_for_ever(folder)
        sleep(random.uniform(0.0, 0.4))  # noqa: S311
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        seen.add(number_in_use(folder))


main(Path(sys.argv[1]))
