"""Finds the bands of the catalog that is searched, and keeps them."""

from dataclasses import asdict

import numpy as np

from catalog.embedders.runtime import Embedder
from search.bands.models import Calibration
from search.calibration.limits import Pairs, limits, rates
from search.datasets.copies import Copies, changed_copies, joined
from search.datasets.examples import Examples, examples_of
from search.engines import Corpus, corpus_for

LEAST_PRODUCTS = 30  # with fewer, a few of them decide where a limit lies
PICTURES = 1500  # all pairs of so many are looked at
COPIED = 24  # products whose photos are changed
SAVED_ANEW = ("jpeg", "half")  # the changes that leave a photo what it was
SEED = 0


def calibrate_if_due(embedder: Embedder) -> Calibration | None:
    """Calibrate if that was never done for this embedder, or for half as many products."""
    corpus = corpus_for(embedder.identity, embedder.dim)
    known = Calibration.objects.filter(embedder=corpus.identity, products__gt=len(corpus) / 2)
    if len(corpus) < LEAST_PRODUCTS or known.exists():
        return None
    examples = examples_of(corpus)
    copies = joined(list(changed_copies(examples, embedder, most=COPIED)), embedder.dim)
    return calibrate(corpus, examples, copies)


def calibrate(corpus: Corpus, examples: Examples, copies: Copies) -> Calibration | None:
    """Find the corpus' bands from pictures of it and changed copies of some, and keep them.

    None where there is too little to go by; what was found before then stays.
    """
    pairs = pairs_of(examples, copies)
    if len(corpus) < LEAST_PRODUCTS or not (len(pairs.saved_anew) and len(pairs.unrelated)):
        return None
    bands = limits(pairs)
    found = asdict(bands) | {"products": len(corpus), "rates": rates(bands, pairs)}
    return Calibration.objects.update_or_create(embedder=corpus.identity, defaults=found)[0]


def pairs_of(examples: Examples, copies: Copies) -> Pairs:
    """The pairs of some pictures with each other, and of the copies with their originals."""
    count = len(examples.rows)
    some = np.random.default_rng(SEED).choice(count, min(PICTURES, count), replace=False)
    rows, labels, products = examples.rows[some], examples.labels[some], examples.products[some]
    first, second = np.triu_indices(len(some), 1)
    scores = (rows @ rows.T)[first, second].astype(np.float64)
    other = products[first] != products[second]
    same = labels[first] == labels[second]
    unrelated = scores[other & ~same]
    changed = np.einsum("ij,ij->i", copies.vectors, copies.originals).astype(np.float64)
    return Pairs(
        saved_anew=changed[np.isin(copies.changes, SAVED_ANEW)],
        copies=changed,
        related=scores[other & same],
        unrelated=unrelated if len(unrelated) else scores[other],
    )
