"""The orders that an evaluation compares: by score, and the tuned one where it is in use."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from catalog.messages import Sentence, sentence
from search.datasets.copies import Copies
from search.datasets.examples import examples_of
from search.engines import Corpus, Scope, get_engine
from search.index.corpus import Vector
from search.ranking import Tuning
from search.tuning.learning import NotEnoughToLearn, scaled
from search.tuning.validation import folds_of, temperature_of

PLAIN, TUNED = "plain", "tuned"

# By name: what orders the results for a product (id); None for the order by score.
Tunings = Mapping[str, Callable[[int], Tuning | None]]


class Orders:
    """The engine's answers to a query in several orders."""

    def __init__(self, identity: str, tunings: Tunings, *, lack: Sentence | None = None) -> None:
        self.identity = identity  # of the embedder
        self.tunings = tunings
        self.lack = lack  # why the tuned order cannot be measured
        self._candidates: Corpus | None = None
        self._reordered: dict[int, Corpus] = {}

    def __len__(self) -> int:
        return len(self.tunings)

    def corpora(self, product: int, vector: Vector) -> dict[str, Corpus]:
        """For each order, what a query vector for a product (id) is ranked among."""
        candidates = get_engine().candidates(self.identity, vector, Scope())
        if candidates is not self._candidates:
            self._candidates, self._reordered = candidates, {}
        corpora = {}
        for name, tuning_for in self.tunings.items():
            tuning = tuning_for(product)
            if id(tuning) not in self._reordered:
                self._reordered[id(tuning)] = candidates.with_tuning(tuning)
            corpora[name] = self._reordered[id(tuning)]
        return corpora


def order_in_use(corpus: Corpus) -> str:
    """The name of the order that shoppers get."""
    return TUNED if corpus.tuning else PLAIN


def compared_orders(corpus: Corpus, copies: Copies) -> Orders:
    """The order by score, and the tuned one if it is in use.

    For each part of the catalog, the tuned one is learned again from all other parts, with the
    strength in use. It has seen neither the product that is asked for nor copies of its picture.
    """
    plain: Tunings = {PLAIN: lambda _: None}
    if corpus.tuning is None:
        return Orders(corpus.identity, plain)
    examples = examples_of(corpus)
    products, rows = examples.products[examples.starts], examples.rows[examples.starts]
    known = copies.only(np.isin(copies.products, products))
    # How far a change moved the vector that search knows is what the tuned order has to survive.
    known = replace(known, originals=rows[np.searchsorted(products, known.products)])
    try:
        folds = folds_of(examples, known)
    except NotEnoughToLearn as error:
        lack = sentence("The tuned order is not measured. %(reason)s", reason=error)
        return Orders(corpus.identity, plain, lack=lack)
    divisor, strength = temperature_of(folds), corpus.tuning.strength
    tunings = [scaled(fold.learned, divisor, strength=strength) for fold in folds]
    fold_of = {pk: place for place, fold in enumerate(folds) for pk in fold.held.products.tolist()}
    # No fold has learned from a product that is not among the examples, so any of them will do.
    return Orders(corpus.identity, {**plain, TUNED: lambda pk: tunings[fold_of.get(pk, 0)]})
