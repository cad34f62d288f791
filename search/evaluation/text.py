"""A report as text for a terminal, or as JSON."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from catalog.messages.translation import for_storage
from search.evaluation.report import Report

TITLES = {
    "same_product": "Same product: is the product of a changed photo found?",
    "same_kind": "Same kind: are the nearest products of the same category?",
}
MEASURES = {
    "first": "first place",
    "first_five": "first five",
    "reciprocal_rank": "reciprocal rank",
    "precision_1": "precision at 1",
    "precision_5": "at 5",
    "precision_10": "at 10",
    "average_precision": "mean average pr.",
}
FIRST_COLUMN, COLUMN = 22, 20  # characters


def as_json(report: Report) -> str:
    """The report as JSON, with the notes in the shop's own language."""
    notes = [for_storage(note) for note in report.notes]
    return json.dumps(asdict(report) | {"notes": notes}, indent=1, ensure_ascii=False)


def lines(report: Report) -> Iterator[str]:
    """The tables of the report, each figure with the limits of 95 % confidence."""
    yield f"{report.products} products, {report.embedder}, in {report.order} order"
    yield from map(str, report.notes)
    for name, title in TITLES.items():
        for order, table in getattr(report, name).items():
            yield from ("", f"{title} In {order} order, with 95 % confidence:")
            yield _line("", (MEASURES[measure] for measure in table.total))
            for group, figures in (*table.groups.items(), ("all", table.total)):
                count = next(iter(figures.values())).count
                cells = (f"{f.mean:.3f} {f.low:.3f}-{f.high:.3f}" for f in figures.values())
                yield _line(f"{group[: FIRST_COLUMN - 8]} ({count})", cells)
    if report.bands:
        yield from ("", "Shares of pairs by the word for their score:")
        yield _line("", report.limits)
        yield _line("from", ("" if at is None else f"{at:.2f}" for at in report.limits.values()))
        for kind, shares in report.bands.items():
            yield _line(kind, (f"{share:.4f}" for share in shares.values()))
    if report.milliseconds:
        yield from ("", "Milliseconds of a search, in this process, one at a time:")
        yield _line("", ("median", "19 of 20 below"))
        for stage, latency in report.milliseconds.items():
            yield _line(stage, (f"{latency.median:.1f}", f"{latency.percentile_95:.1f}"))


def _line(name: str, cells: Iterable[str]) -> str:
    return f"{name:{FIRST_COLUMN}}" + "".join(f"{cell:>{COLUMN}}" for cell in cells)
