"""Places on a map by likeness: neighbours among the vectors are neighbours on the map.

That is t-SNE (van der Maaten and Hinton, "Visualizing Data using t-SNE", 2008). Its attraction is
equal for the NEIGHBOURS nearest of each, which looks no different from a bandwidth tuned for every
one (Boehm, Berens and Kobak, "Attraction-Repulsion Spectrum in Neighbor Embeddings", 2022). Its
repulsion is summed on a grid by Fourier transforms (Linderman et al., "Fast interpolation-based
t-SNE for improved visualization of single-cell RNA-seq data", 2019). Nothing in it is random.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 15
EXAGGERATION = 12.0  # of the attraction at first, so that groups find together
EARLY, LATE, AGAIN = 150, 350, 100  # steps: exaggerated, then as they are; from known places
NODES_PER_UNIT = 2.0  # of the grid, where it has no more than
MOST_NODES = 256  # to a side
FEW = 256  # of so many, all pairs are summed sooner, and exactly
CHUNK = 1024  # rows compared with all at a time
LONGEST_STEP = 5.0
START = 1e-2  # how wide the places are spread at first

Vectors = NDArray[np.float32]  # (n, dim), unit rows
Places = NDArray[np.float64]  # (n, 2)
Positions = NDArray[np.intp]


@dataclass(frozen=True)
class _Edges:
    """Who attracts whom, both ways, and how much; all weights add up to one."""

    ends: Positions  # (edges,)
    others: Positions  # (edges,)
    weights: NDArray[np.float64]  # (edges,)


def project(rows: Vectors, known: Places | None = None) -> Places:
    """Places (n, 2) of the rows by likeness.

    `known` has places from an earlier map, NaN for rows that it lacks: those begin among their
    neighbours, and the others stay about where they were.
    """
    if len(rows) < 4:
        return np.stack([np.arange(len(rows), dtype=float), np.zeros(len(rows))], axis=1)
    neighbours = nearest(rows, rows, min(NEIGHBOURS, (len(rows) - 1) // 3), skip_self=True)
    edges = _edges(neighbours)
    if known is None or np.isnan(known).all():
        places = _descend(_spread(rows), edges, EARLY, EXAGGERATION)
        return _descend(places, edges, LATE)
    return _descend(_filled(known, neighbours), edges, AGAIN)


def place_among(rows: Vectors, landmarks: Vectors, places: Places) -> Places:
    """Places (n, 2) of further rows: the mean of those of their nearest landmarks."""
    means: Places = places[nearest(rows, landmarks, min(5, len(landmarks)))].mean(axis=1)
    return means


def nearest(rows: Vectors, others: Vectors, k: int, *, skip_self: bool = False) -> Positions:
    """The k rows (n, k) of `others` most like each row; not itself where both are the same."""
    found = np.empty((len(rows), k), np.intp)
    for start in range(0, len(rows), CHUNK):
        scores = rows[start : start + CHUNK] @ others.T
        if skip_self:
            scores[np.arange(len(scores)), np.arange(start, start + len(scores))] = -np.inf
        found[start : start + CHUNK] = np.argpartition(scores, -k, axis=1)[:, -k:]
    return found


def _edges(neighbours: Positions) -> _Edges:
    count, k = neighbours.shape
    ends, others = np.repeat(np.arange(count), k), neighbours.ravel()
    both, other_way = np.concatenate([ends, others]), np.concatenate([others, ends])
    return _Edges(both, other_way, np.full(len(both), 1 / len(both)))


def _spread(rows: Vectors) -> Places:
    """The rows' first two principal components: every run starts alike, and from the whole."""
    centred = rows - rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    some = centred[:: max(1, len(rows) // FEW)]
    places: Places = centred.astype(np.float64) @ np.linalg.svd(some, full_matrices=False)[2][:2].T
    # Equal rows would stay together for ever: a spiral keeps them apart, and in no direction.
    turns = np.arange(len(rows)) * np.pi * (3 - np.sqrt(5))
    outwards = 0.01 * np.sqrt(np.arange(len(rows)) / len(rows))
    spiral = outwards[:, np.newaxis] * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    spread: Places = START * (places / (places.std() or 1) + spiral)
    return spread


def _filled(known: Places, neighbours: Positions) -> Places:
    """Places for those without one: in the middle of their neighbours, or of all."""
    places = known.copy()
    missing = np.flatnonzero(np.isnan(known[:, 0]))
    around = known[neighbours[missing]]  # (m, k, 2)
    has_place = ~np.isnan(around)
    sums, counts = np.where(has_place, around, 0).sum(axis=1), has_place.sum(axis=1)
    middle = np.nanmean(known, axis=0)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), middle)
    turns = np.arange(len(missing))[:, np.newaxis] + [0.0, np.pi / 2]
    places[missing] = means + 0.1 * np.cos(turns)
    return places


def _descend(places: Places, edges: _Edges, steps: int, exaggeration: float = 1.0) -> Places:
    """Follow the gradient; the rate for many places is that of Belkina et al. (2019)."""
    rate = max(len(places) / EXAGGERATION, min(len(places), 50))
    momentum = 0.5 if exaggeration > 1 else 0.8
    speed, gains = np.zeros_like(places), np.ones_like(places)
    for _ in range(steps):
        gradient = 4 * (exaggeration * _attraction(places, edges) - _repulsion(places))
        gains = np.where(gradient * speed > 0, np.maximum(0.8 * gains, 0.01), gains + 0.2)
        speed = momentum * speed - rate * gains * gradient
        places = places + np.clip(speed, -LONGEST_STEP, LONGEST_STEP)
        places = places - places.mean(axis=0)
    return places


def _attraction(places: Places, edges: _Edges) -> Places:
    apart = places[edges.ends] - places[edges.others]
    pulls = edges.weights / (1 + (apart**2).sum(axis=1))
    count = len(places)
    return np.stack(
        [np.bincount(edges.ends, pulls * apart[:, axis], minlength=count) for axis in (0, 1)],
        axis=1,
    )


def _repulsion(places: Places) -> Places:
    """What pushes each away from all others, by Student's t."""
    return _of_pairs(places) if len(places) <= FEW else _from_grid(places)


def _of_pairs(places: Places) -> Places:
    apart = places[:, np.newaxis] - places
    likeness = 1 / (1 + (apart**2).sum(axis=2))
    total = likeness.sum() - len(places)  # without what each has with itself
    pushes: Places = np.einsum("ij,ijk->ik", likeness**2, apart) / total
    return pushes


def _from_grid(places: Places) -> Places:
    low = places.min(axis=0)
    width = float((places - low).max())
    nodes = int(np.clip(NODES_PER_UNIT * width, 16, MOST_NODES))
    spacing = width / (nodes - 1) or 1.0
    index, weights = _interpolation((places - low) / spacing, nodes)  # (n, 9) each
    masses = np.bincount(index.ravel(), weights.ravel(), nodes**2).reshape(nodes, nodes)
    size = 2 * nodes
    spectrum = np.fft.rfft2(masses, (size, size))
    fields = np.fft.irfft2(_kernels(nodes, spacing) * spectrum, (size, size))[:, :nodes, :nodes]
    near, push_x, push_y = ((field.ravel()[index] * weights).sum(axis=1) for field in fields)
    pushes: Places = np.stack([push_x, push_y], axis=1) / (near.sum() - len(places))
    return pushes


def _interpolation(scaled: Places, nodes: int) -> tuple[Positions, Places]:
    """The nine nodes around each place, as indices of a flat grid, and their quadratic weights."""
    middle = np.clip(np.rint(scaled), 1, nodes - 2).astype(np.intp)
    t = scaled - middle
    weights = np.stack([t * (t - 1) / 2, 1 - t**2, t * (t + 1) / 2], axis=1)  # (n, 3, 2)
    beside = middle[:, np.newaxis] + np.arange(-1, 2)[:, np.newaxis]  # (n, 3, 2)
    index = beside[:, :, np.newaxis, 0] * nodes + beside[:, np.newaxis, :, 1]
    both = weights[:, :, np.newaxis, 0] * weights[:, np.newaxis, :, 1]
    return index.reshape(len(scaled), 9), both.reshape(len(scaled), 9)


def _kernels(nodes: int, spacing: float) -> NDArray[np.complex128]:
    """Transforms of the likeness of two places, and of its push along either axis."""
    steps = np.fft.fftfreq(2 * nodes, 1 / (2 * nodes)) * spacing
    x, y = steps[:, np.newaxis], steps[np.newaxis]
    likeness = 1 / (1 + x**2 + y**2)
    pushes: NDArray[np.complex128] = np.fft.rfft2(
        np.stack([likeness, likeness**2 * x, likeness**2 * y])
    )
    return pushes
