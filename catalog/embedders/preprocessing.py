"""From a picture to the two squares of pixels that a network sees, without plain margins.

Screenshots, scans and films with bars have wide margins, and a network sees little of what lies
within them. Where margins end must not depend on scale and compression, so they are looked for in
a small copy: a line is margin if, but for noise, all of it has the colour of the paper. Thin
content beside the picture, such as lines of text, bars and buttons, is left out.
"""

from functools import reduce

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageOps

Square = tuple[float, float, float, float]  # left, top, right, bottom in pixels
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels
Marks = NDArray[np.bool_]  # (rows, columns), True where a pixel is not paper
Run = tuple[float, float]  # the first line and the one after the last

# Pictures are decoded at no less than this multiple of the network's input. At 1, a vector depends
# on how the decoder scales; at 2, decoding and resizing take longer and change little.
DETAIL = 4 / 3
# The weights of the two squares in a picture's vector. With equal weights, search finds fewer
# products of the same kind; without the whole, fewer that are shown in part.
CENTRE, WHOLE = 1.0, 0.5
# Part of every embedder's identity: change it whenever the network gets to see other pixels.
PREPROCESSING = (
    f"decoded at {DETAIL:.3f} times the input, without margins, centre crop and {WHOLE} of the "
    "whole on its mean colour, bicubic, 1"
)

COPY_SIDE = 256  # pixels of the small copy's longer side
PAPER_TOLERANCE = 8  # levels by which a pixel of the paper may differ from the paper's colour
NOISE_SHARE = 0.01  # share of a line's pixels ignored as noise
MIN_RUN = 0.2  # share of the thickest run of content that another run needs to count as picture
EDGE = 0.7  # share of an edge's pixels that are not paper. Pictures have such edges; objects do not
MAX_BLENDED = 4  # lines in which the edge of a picture may fade into the paper
OBJECT_SQUARE = 1.1  # side of the square around an object, as a multiple of the object
MIN_CONTENT = 0.1  # share of the copy's shorter side; anything smaller is not a picture


def squares(width: int, height: int) -> tuple[Square, Square]:
    """The largest centred square within a picture of this size, and the smallest around it."""
    boxes = []
    for side in (min(width, height), max(width, height)):
        left, top = (width - side) / 2, (height - side) / 2
        boxes.append((left, top, left + side, top + side))
    return boxes[0], boxes[1]


def to_pixels(picture: Image.Image, size: int) -> NDArray[np.uint8]:
    """The centre and the whole of an RGB picture, as (2, size, size, 3) uint8.

    The whole lies on its mean colour. Neither is squashed, which would find fewer products of the
    same kind.
    """
    centre = picture.resize((size, size), Image.Resampling.BICUBIC, squares(*picture.size)[0])
    scale = size / max(picture.size)
    width, height = (max(1, round(scale * side)) for side in picture.size)
    whole = picture.resize((width, height), Image.Resampling.BICUBIC)
    mean = whole.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    square = Image.new("RGB", (size, size), mean)
    square.paste(whole, ((size - width) // 2, (size - height) // 2))
    return np.stack([np.asarray(centre), np.asarray(square)])


def within_margins(picture: Image.Image) -> Box:
    """The part of an RGB picture that is not margin.

    A picture on paper is cut at its edges. An object with paper all around it is cut as a square
    with some paper. Any other picture is kept whole.
    """
    copy = ImageOps.contain(picture, (COPY_SIDE, COPY_SIDE), Image.Resampling.BOX)
    (left, right), (top, bottom) = _content(_marks(copy))
    across, down = picture.width / copy.width, picture.height / copy.height
    return round(left * across), round(top * down), round(right * across), round(bottom * down)


def _marks(copy: Image.Image) -> Marks:
    """True for pixels unlike the paper, which has the outermost pixels' most common colour."""
    levels = np.asarray(copy)
    edge = np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]])
    coarse = edge // 16 @ np.array([256, 16, 1])
    red, green, blue = np.median(edge[coarse == np.bincount(coarse).argmax()], axis=0).astype(int)
    paper = Image.new("RGB", copy.size, (int(red), int(green), int(blue)))
    channels = ImageChops.difference(copy, paper).split()
    marks: Marks = np.asarray(reduce(ImageChops.lighter, channels)) > PAPER_TOLERANCE
    return marks


def _content(marks: Marks) -> tuple[Run, Run]:
    """The columns and the rows to keep."""
    height, width = marks.shape
    rows = _main_run(marks)
    columns = _main_run(marks[slice(*rows)].T)
    rows = _main_run(marks[:, slice(*columns)])  # without what stood beside the picture
    lengths = columns[1] - columns[0], rows[1] - rows[0]
    if min(lengths) > MIN_CONTENT * min(marks.shape):
        across = _between_edges(marks[slice(*rows)].T, columns)
        down = _between_edges(marks[:, slice(*columns)], rows)
        if across and down:
            return across, down
        if min(columns[0], rows[0], width - columns[1], height - rows[1]) > 0:
            side = OBJECT_SQUARE * max(lengths)
            return _widened(columns, side, width), _widened(rows, side, height)
    return (0, width), (0, height)


def _main_run(marks: Marks) -> tuple[int, int]:
    """From the first to the last row with content, leaving out thin runs at either end."""
    full = (marks.mean(axis=1) > NOISE_SHARE).astype(np.int8)
    steps = np.diff(full, prepend=0, append=0)
    starts, ends = np.flatnonzero(steps > 0), np.flatnonzero(steps < 0)
    if not len(starts):
        return 0, len(marks)
    thick = ends - starts >= MIN_RUN * (ends - starts).max()
    return int(starts[thick][0]), int(ends[thick][-1])


def _between_edges(marks: Marks, run: tuple[int, int]) -> Run | None:
    """The run of rows without blended ones at its ends.

    None unless it ends as pictures do: at a sharp edge, or where the marks end.
    """
    start, end = run
    inside = np.flatnonzero(marks[start + 1 : end - 1].mean(axis=1) >= EDGE) + start + 1
    if not len(inside):
        return None
    first = int(inside[0]) if start > 0 else start
    last = int(inside[-1]) + 1 if end < len(marks) else end
    return (first, last) if max(first - start, end - last) <= MAX_BLENDED else None


def _widened(run: Run, side: float, length: int) -> Run:
    """A run of `side` lines, or of all there are, with this run as near to its middle as can be."""
    wanted = min(side, length)
    start = min(max((sum(run) - wanted) / 2, 0), length - wanted)
    return start, start + wanted
