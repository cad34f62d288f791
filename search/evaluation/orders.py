"""The orders that are compared: that of plain likeness, and the tuned one where it is on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from search.datasets.copies import Copies
from search.datasets.examples import Examples, examples_of
from search.engines import Corpus
from search.evaluation.outcomes import Orders
from search.evaluation.same_product import Copy
from search.ranking import Tuning
from search.tuning.calibration import calibrated
from search.tuning.learning import NotEnoughToLearn
from search.tuning.validation import folds_of, temperature_of

PLAIN, TUNED = "plain", "tuned"


@dataclass(frozen=True)
class Comparison:
    """The orders that can be measured; or a sentence on why the tuned one can't."""

    orders: Orders
    lack: str = ""


def order_in_use(corpus: Corpus) -> str:
    """The name of the order that answers shoppers."""
    return TUNED if corpus.tuning else PLAIN


def comparison(corpus: Corpus, copies: Sequence[Copy]) -> Comparison:
    """The orders of the corpus.

    The tuned one is learned anew for each part of the catalog, from the others, at the strength in
    use: neither a product that is asked for nor copies of its picture have taught it anything.
    """
    plain = corpus.with_tuning(None)
    orders: Orders = {PLAIN: lambda _: plain}
    if corpus.tuning is None:
        return Comparison(orders)
    try:
        return Comparison({**orders, TUNED: _tuned(corpus, corpus.tuning, copies)})
    except NotEnoughToLearn as error:
        return Comparison(orders, f"The tuned order is not measured. {error}")


def _tuned(corpus: Corpus, tuning: Tuning, copies: Sequence[Copy]) -> Callable[[int], Corpus]:
    examples = examples_of(corpus)
    folds = folds_of(examples, _copies(examples, copies))
    by = temperature_of(folds)
    learned = [calibrated(fold.learned, by, strength=tuning.strength) for fold in folds]
    corpora = [corpus.with_tuning(each) for each in learned]
    fold_of = {pk: place for place, fold in enumerate(folds) for pk in fold.held.products.tolist()}
    return lambda pk: corpora[fold_of.get(pk, 0)]  # what is no example has taught none of them


def _copies(examples: Examples, copies: Sequence[Copy]) -> Copies:
    """Those of the examples' pictures, as what is learned from."""
    products, rows = examples.products[examples.starts], examples.rows[examples.starts]
    place_of = {pk: place for place, pk in enumerate(products.tolist())}
    known = [copy for copy in copies if copy.product.pk in place_of]
    places = np.array([place_of[copy.product.pk] for copy in known], np.intp)
    vectors = np.array([copy.query.vector for copy in known], np.float32)
    changes = np.array([copy.change for copy in known], np.str_)
    return Copies(vectors.reshape(-1, rows.shape[1]), rows[places], products[places], changes)
