"""A report as text for a terminal."""

from collections.abc import Iterable, Iterator

from search.evaluation.outcomes import Figures, Table
from search.evaluation.report import Report
from search.ranking.measures import Figure

TITLES = {
    "same_product": "Same product: is the product of a changed photo found?",
    "same_kind": "Same kind: are the nearest products of the same category?",
}
NAMES = {
    "first": "first place",
    "first_five": "first five",
    "reciprocal_rank": "reciprocal rank",
    "precision_1": "precision at 1",
    "precision_5": "at 5",
    "precision_10": "at 10",
    "average_precision": "mean average pr.",
}
FIRST, CELL = 22, 20  # characters


def written(report: Report) -> str:
    """The tables of the report, each figure with the limits of 95 % confidence."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield f"{report.products} products, {report.embedder}, in {report.order} order"
    yield from report.notes
    for name, title in TITLES.items():
        for order, table in getattr(report, name).items():
            yield from ("", f"{title} In {order} order, with 95 % confidence:", *_table(table))
    if report.bands:
        yield from ("", "Shares of pairs by what their score is called:")
        yield _row("", report.limits)
        yield _row("from", ("" if at is None else f"{at:.2f}" for at in report.limits.values()))
        for kind, shares in report.bands.items():
            yield _row(kind, (f"{share:.4f}" for share in shares.values()))
    if report.milliseconds:
        yield from ("", "Milliseconds of a search, in this process, one at a time:")
        yield _row("", ("median", "19 of 20 below"))
        for stage, latency in report.milliseconds.items():
            yield _row(stage, (f"{latency.median:.1f}", f"{latency.percentile_95:.1f}"))


def _table(table: Table) -> Iterator[str]:
    yield _row("", (NAMES[measure] for measure in table.total))
    for group, figures in table.groups.items():
        yield _figures(group, figures)
    yield _figures("all", table.total)


def _figures(name: str, figures: Figures) -> str:
    count = next(iter(figures.values())).count
    return _row(f"{name[: FIRST - 8]} ({count})", map(_figure, figures.values()))


def _figure(figure: Figure) -> str:
    return f"{figure.mean:.3f} {figure.low:.3f}-{figure.high:.3f}"


def _row(name: str, cells: Iterable[str]) -> str:
    return f"{name:{FIRST}}" + "".join(f"{cell:>{CELL}}" for cell in cells)
