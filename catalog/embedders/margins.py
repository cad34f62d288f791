"""Where a picture is within plain margins, as screenshots, scans and bars around a film have them.

A network sees little of what lies in wide margins. Where they end must not hang on scale and
compression, so it is looked for in a small copy: a line is margin if but for specks it has the
colour of the paper. Lines of text, bars and buttons beside the picture are thin, and left aside.
"""

from functools import reduce

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageOps

SEEN = 256  # pixels of the copy's longer side
ALIKE = 8  # levels by which paper may differ from its colour
SPECKS = 0.01  # of a line's pixels, that are no paper and yet nothing
THIN = 0.2  # of the thickest run of lines that are no margin
SHEER = 0.7  # of an edge's pixels are no paper: so end pictures, and objects don't
BLENDED = 4  # lines at most, between paper and picture
AIR = 1.1  # the side of the square around an object, measured by the object
LEAST = 0.1  # of the copy's shorter side; what is smaller is no picture

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels
Marks = NDArray[np.bool_]  # (rows, columns), or one line of them
Run = tuple[float, float]  # where lines begin and end


def within_margins(picture: Image.Image) -> Box:
    """The part of an RGB picture that is not margin.

    A picture that lies on paper ends at its edges. An object with paper all around it keeps some,
    as a square. Any other picture is whole.
    """
    copy = ImageOps.contain(picture, (SEEN, SEEN), Image.Resampling.BOX)
    (left, right), (top, bottom) = _content(_marks(copy))
    across, down = picture.width / copy.width, picture.height / copy.height
    return round(left * across), round(top * down), round(right * across), round(bottom * down)


def _content(marks: Marks) -> tuple[Run, Run]:
    """The columns and the rows to keep."""
    height, width = marks.shape
    rows = _main_run(marks)
    columns = _main_run(marks[slice(*rows)].T)
    rows = _main_run(marks[:, slice(*columns)])  # without what stood beside the picture
    lengths = columns[1] - columns[0], rows[1] - rows[0]
    if min(lengths) > LEAST * min(marks.shape):
        across = _sheer(marks[slice(*rows)].T, columns)
        down = _sheer(marks[:, slice(*columns)], rows)
        if across and down:
            return across, down
        if min(columns[0], rows[0], width - columns[1], height - rows[1]) > 0:
            side = AIR * max(lengths)
            return _aired(columns, side, width), _aired(rows, side, height)
    return (0, width), (0, height)


def _marks(copy: Image.Image) -> Marks:
    """Which pixels are unlike the commonest colour of the outermost ones."""
    levels = np.asarray(copy)
    edge = np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]])
    coarse = edge // 16 @ np.array([256, 16, 1])
    red, green, blue = np.median(edge[coarse == np.bincount(coarse).argmax()], axis=0).astype(int)
    paper = Image.new("RGB", copy.size, (int(red), int(green), int(blue)))
    channels = ImageChops.difference(copy, paper).split()
    marks: Marks = np.asarray(reduce(ImageChops.lighter, channels)) > ALIKE
    return marks


def _main_run(marks: Marks) -> tuple[int, int]:
    """From the first to the last of the rows that hold something, thin runs of them left aside."""
    full = (marks.mean(axis=1) > SPECKS).astype(np.int8)
    steps = np.diff(full, prepend=0, append=0)
    starts, ends = np.flatnonzero(steps > 0), np.flatnonzero(steps < 0)
    if not len(starts):
        return 0, len(marks)
    thick = ends - starts >= THIN * (ends - starts).max()
    return int(starts[thick][0]), int(ends[thick][-1])


def _sheer(marks: Marks, run: tuple[int, int]) -> Run | None:
    """The run of rows without blends, None unless it ends as a picture does, or with the marks."""
    start, end = run
    inside = np.flatnonzero(marks[start + 1 : end - 1].mean(axis=1) >= SHEER) + start + 1
    if not len(inside):
        return None
    first = int(inside[0]) if start > 0 else start
    last = int(inside[-1]) + 1 if end < len(marks) else end
    return (first, last) if max(first - start, end - last) <= BLENDED else None


def _aired(run: Run, side: float, length: int) -> Run:
    """So many lines, or all there are, with the run in their middle or near it."""
    wanted = min(side, length)
    start = min(max((sum(run) - wanted) / 2, 0), length - wanted)
    return start, start + wanted
