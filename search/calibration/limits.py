"""Finds the limits of the bands from pairs of the catalog's pictures.

* Similar: one in a hundred unrelated pairs reaches it.
* Very close: three in four changed copies reach it, and at most one in a thousand pairs of
  different products in one category.
* Exact: nineteen in twenty copies that were only compressed or scaled reach it.

Limits are rounded to hundredths and kept within ranges in which the words make sense.
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.embedders.runtime import Embedder
from search.bands import WORDS, Bands
from search.bands.models import Calibration
from search.datasets.copies import Copies, changed_copies, joined
from search.datasets.examples import SEED, Examples, examples_of
from search.engines import corpus_for

Scores = NDArray[np.float64]  # cosines

MIN_PRODUCTS = 30  # with fewer, single products would decide where a limit lies
MAX_PICTURES = 1500  # whose pairs are all compared
COPIED_PRODUCTS = 24  # whose photos are changed
SAVED_AGAIN = ("jpeg", "half")  # the changes that keep the photo the same to a viewer

UNRELATED_SHARE = 0.01  # of unrelated pairs that reach "similar"
RELATED_SHARE = 0.001  # of related pairs that reach "very close"
COPIES_SHARE = 0.75  # of changed copies that reach "very close"
SAVED_AGAIN_SHARE = 0.95  # of copies saved again that reach "exact"
MIN_RELATED = round(1 / RELATED_SHARE)  # pairs, for that share to mean anything
STEP = 0.01  # the least distance between two limits
RANGES = {"similar": (0.3, 0.9), "very_close": (0.5, 0.97), "exact": (0.9, 0.99)}


@dataclass(frozen=True)
class Pairs:
    """Cosines of pairs of pictures."""

    saved_again: Scores  # photos and copies that were only compressed or scaled
    copies: Scores  # photos and copies that were changed in any way
    related: Scores  # two products of one category
    unrelated: Scores  # two products of different categories, or any two if there is only one


def calibrate_if_due(embedder: Embedder) -> Calibration | None:
    """Find and store the limits unless they are known and the catalog has not doubled since.

    Returns None if nothing was stored; earlier limits then stay.
    """
    corpus = corpus_for(embedder.identity, embedder.dim)
    known = Calibration.objects.filter(embedder=corpus.identity, products__gt=len(corpus) / 2)
    if len(corpus) < MIN_PRODUCTS or known.exists():
        return None
    examples = examples_of(corpus)
    copies = changed_copies(examples.some_products(COPIED_PRODUCTS), embedder)
    pairs = pairs_of(examples, joined(copies, embedder.dim))
    if not (len(pairs.saved_again) and len(pairs.unrelated)):
        return None
    found = asdict(limits(pairs)) | {"products": len(corpus)}
    return Calibration.objects.update_or_create(embedder=corpus.identity, defaults=found)[0]


def pairs_of(examples: Examples, copies: Copies) -> Pairs:
    """All pairs of a sample of the examples, and each copy with its original."""
    count = len(examples.rows)
    random = np.random.default_rng(SEED)
    some = random.choice(count, min(MAX_PICTURES, count), replace=False)
    rows, labels, products = examples.rows[some], examples.labels[some], examples.products[some]
    first, second = np.triu_indices(len(some), 1)
    scores = (rows @ rows.T)[first, second].astype(np.float64)
    is_other = products[first] != products[second]
    is_related = labels[first] == labels[second]
    unrelated = scores[is_other & ~is_related]
    changed = np.einsum("ij,ij->i", copies.vectors, copies.originals).astype(np.float64)
    return Pairs(
        saved_again=changed[np.isin(copies.changes, SAVED_AGAIN)],
        copies=changed,
        related=scores[is_other & is_related],
        unrelated=unrelated if len(unrelated) else scores[is_other],
    )


def limits(pairs: Pairs) -> Bands:
    """The bands for these pairs; there must be copies and unrelated pairs."""
    alike = pairs.related if len(pairs.related) >= MIN_RELATED else pairs.unrelated
    similar = _within("similar", np.quantile(pairs.unrelated, 1 - UNRELATED_SHARE))
    close = max(np.quantile(alike, 1 - RELATED_SHARE), np.quantile(pairs.copies, 1 - COPIES_SHARE))
    very_close = max(_within("very_close", close), similar + STEP)
    exact = _within("exact", np.quantile(pairs.saved_again, 1 - SAVED_AGAIN_SHARE))
    return Bands(max(exact, round(very_close + STEP, 2)), round(very_close, 2), similar)


def _within(name: str, limit: float) -> float:
    return round(float(np.clip(limit, *RANGES[name])), 2)


def shares(bands: Bands, scores: Scores) -> dict[str, float]:
    """The share of the scores, of which there must be one, in each band (by its word)."""
    rising = [bands.similar, bands.very_close, bands.exact]
    places = np.searchsorted(rising, scores, side="right")
    counts = np.bincount(places, minlength=len(WORDS))[::-1]
    return dict(zip(WORDS, (counts / len(scores)).tolist(), strict=True))
