"""Places on a map by likeness: neighbours among the vectors are neighbours on the map.

This is t-SNE (van der Maaten and Hinton, "Visualizing Data using t-SNE", 2008). Each vector is
attracted equally by its NEIGHBOURS nearest, which looks the same as tuning a bandwidth for each
(Boehm, Berens and Kobak, "Attraction-Repulsion Spectrum in Neighbor Embeddings", 2022). Repulsion
is summed on a grid by Fourier transforms (Linderman et al., "Fast interpolation-based t-SNE for
improved visualization of single-cell RNA-seq data", 2019). The result is deterministic.
"""

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 15
EXAGGERATION = 12.0  # factor of the attraction in the first steps, which forms groups
# Steps: exaggerated, then not; and from known places
EARLY_STEPS, LATE_STEPS, AGAIN_STEPS = 150, 350, 100
NODES_PER_UNIT = 2.0  # of the grid, up to MAX_NODES
MAX_NODES = 256  # to a side
MAX_EXACT = 256  # places up to which summing all pairs is faster than the grid, and exact
BATCH_ROWS = 1024  # compared with all rows at a time
MAX_STEP = 5.0
START = 1e-2  # spread of the places before the first step

Vectors = NDArray[np.float32]  # (n, dim), unit rows
Places = NDArray[np.float64]  # (n, 2)
Positions = NDArray[np.intp]


def project(rows: Vectors, known: Places | None = None) -> Places:
    """Places (n, 2) of the rows by likeness.

    `known` (n, 2) holds places from an earlier map, NaN for new rows. New rows start among their
    neighbours; the others stay about where they were.
    """
    if len(rows) < 4:
        return np.stack([np.arange(len(rows), dtype=float), np.zeros(len(rows))], axis=1)
    neighbours = nearest(rows, rows, min(NEIGHBOURS, (len(rows) - 1) // 3), skip_self=True)
    if known is None or np.isnan(known).all():
        places = _descend(_spread(rows), neighbours, EARLY_STEPS, EXAGGERATION)
        return _descend(places, neighbours, LATE_STEPS)
    return _descend(filled(known, neighbours), neighbours, AGAIN_STEPS)


def place_among(rows: Vectors, landmarks: Vectors, places: Places) -> Places:
    """Places (n, 2) of further rows: the means of their nearest landmarks' places."""
    means: Places = places[nearest(rows, landmarks, min(5, len(landmarks)))].mean(axis=1)
    return means


def nearest(rows: Vectors, others: Vectors, k: int, *, skip_self: bool = False) -> Positions:
    """Positions (n, k) of the k rows of `others` most like each row, in no particular order."""
    found = np.empty((len(rows), k), np.intp)
    for start in range(0, len(rows), BATCH_ROWS):
        scores = rows[start : start + BATCH_ROWS] @ others.T
        if skip_self:
            scores[np.arange(len(scores)), np.arange(start, start + len(scores))] = -np.inf
        found[start : start + BATCH_ROWS] = np.argpartition(scores, -k, axis=1)[:, -k:]
    return found


def _spread(rows: Vectors) -> Places:
    """First places: the first two principal components, estimated on a sample of the rows."""
    centred = rows - rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    some = centred[:: max(1, len(rows) // MAX_EXACT)]
    places: Places = centred.astype(np.float64) @ np.linalg.svd(some, full_matrices=False)[2][:2].T
    # Equal rows would stay on one spot for ever, so a small spiral separates them.
    turns = np.arange(len(rows)) * np.pi * (3 - np.sqrt(5))
    outwards = 0.01 * np.sqrt(np.arange(len(rows)) / len(rows))
    spiral = outwards[:, np.newaxis] * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    spread: Places = START * (places / (places.std() or 1) + spiral)
    return spread


def filled(known: Places, neighbours: Positions) -> Places:
    """The places, and for those without one the mean of its neighbours' places or of all."""
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


def _descend(places: Places, neighbours: Positions, steps: int, factor: float = 1.0) -> Places:
    """Follow the gradient; the learning rate is that of Belkina et al. (2019)."""
    count, k = neighbours.shape
    # Both ends of each link between neighbours attract each other; all weights add up to one.
    ends, others = np.repeat(np.arange(count), k), neighbours.ravel()
    ends, others = np.concatenate([ends, others]), np.concatenate([others, ends])
    rate = max(count / EXAGGERATION, min(count, 50))
    momentum = 0.5 if factor > 1 else 0.8
    repulsion = repulsion_of_pairs if count <= MAX_EXACT else repulsion_on_grid
    speed, gains = np.zeros_like(places), np.ones_like(places)
    for _ in range(steps):
        apart = places[ends] - places[others]
        pulls = 1 / len(ends) / (1 + (apart**2).sum(axis=1))
        attraction = np.stack(
            [np.bincount(ends, pulls * apart[:, axis], minlength=count) for axis in (0, 1)], axis=1
        )
        gradient = 4 * (factor * attraction - repulsion(places))
        gains = np.where(gradient * speed > 0, np.maximum(0.8 * gains, 0.01), gains + 0.2)
        speed = momentum * speed - rate * gains * gradient
        places = places + np.clip(speed, -MAX_STEP, MAX_STEP)
        places = places - places.mean(axis=0)
    return places


def repulsion_of_pairs(places: Places) -> Places:
    """The push (n, 2) on each place by all others, by Student's t; computed pair by pair."""
    apart = places[:, np.newaxis] - places
    likeness = 1 / (1 + (apart**2).sum(axis=2))
    total = likeness.sum() - len(places)  # without each place's likeness to itself
    pushes: Places = np.einsum("ij,ijk->ik", likeness**2, apart) / total
    return pushes


def repulsion_on_grid(places: Places) -> Places:
    """The same, interpolated from a grid."""
    low = places.min(axis=0)
    width = float((places - low).max())
    nodes = int(np.clip(NODES_PER_UNIT * width, 16, MAX_NODES))
    spacing = width / (nodes - 1) or 1.0
    index, weights = _interpolation((places - low) / spacing, nodes)  # (n, 9) each
    masses = np.bincount(index.ravel(), weights.ravel(), nodes**2).reshape(nodes, nodes)
    size = 2 * nodes
    steps = np.fft.fftfreq(size, 1 / size) * spacing
    x, y = steps[:, np.newaxis], steps[np.newaxis]
    likeness = 1 / (1 + x**2 + y**2)
    kernels = np.fft.rfft2(np.stack([likeness, likeness**2 * x, likeness**2 * y]))
    spectrum = np.fft.rfft2(masses, (size, size))
    fields = np.fft.irfft2(kernels * spectrum, (size, size))[:, :nodes, :nodes]
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
