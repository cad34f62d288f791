"""What was measured, to be printed and to be stored."""

from collections.abc import Iterator, Sequence
from typing import Any

from search.datasets.copies import Copies
from search.tuning.validation import TOP, Measure, Trial


def lines(measures: Sequence[Measure]) -> Iterator[str]:
    """A table of means, a line for each strength."""
    yield f"strength  same kind in {TOP}  mean average precision  same product first"
    for measure in measures:
        strength = f"{measure.strength:g}" if measure.strength else "none"
        yield (
            f"{strength:8}  {measure.precisions.mean():15.3f}"
            f"  {measure.average_precisions.mean():22.3f}  {measure.firsts.mean():18.3f}"
        )


def report(trial: Trial, best: Measure, copies: Copies) -> dict[str, Any]:
    """The means of the plain order and of the chosen one, as JSON can hold them."""
    plain, *_ = trial.measures
    return {
        "temperature": trial.temperature,
        "strength": best.strength,
        "plain": _means(plain, copies),
        "tuned": _means(best, copies),
    }


def _means(measure: Measure, copies: Copies) -> dict[str, Any]:
    return {
        f"precision_{TOP}": float(measure.precisions.mean()),
        "average_precision": float(measure.average_precisions.mean()),
        "first": float(measure.firsts.mean()),
        "first_by_change": {
            change: float(measure.firsts[copies.changes == change].mean())
            for change in dict.fromkeys(copies.changes.tolist())
        },
    }
