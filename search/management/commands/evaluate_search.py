from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from catalog.embedders import EmbedderUnavailable
from catalog.serving import serving_embedder
from search.evaluation.models import as_json, keep
from search.evaluation.report import Answer, Report, Sizes, evaluate
from search.evaluation.text import written
from search.management.arguments import positive, share, whole

# option -> the figure that it bounds, and its name in a sentence
GATES = {
    "min_recall": ("same_product", "first", "recall in first place"),
    "min_recall_5": ("same_product", "first_five", "recall in the first five"),
    "min_precision": ("same_kind", "precision_10", "same-kind precision at 10"),
    "min_map": ("same_kind", "average_precision", "same-kind mean average precision"),
}


class Command(BaseCommand):
    help = (
        "Measure how good the search is on this catalog: whether photos changed as shoppers' are "
        "find their product, and whether the products around one are of its category. The staff's "
        "page on quality shows the last result."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        sizes = Sizes()
        parser.add_argument(
            "--sample",
            type=positive,
            help=f"so many products at most are asked for ({sizes.same_product} with every change "
            f"of their photo, {sizes.same_kind} for their kind)",
        )
        parser.add_argument(
            "--seed", type=whole, default=sizes.seed, help="which ones (%(default)s)"
        )
        parser.add_argument(
            "--json",
            nargs="?",
            const="-",
            help="write the report to this file as JSON, or print it",
        )
        for option, (_, _, name) in GATES.items():
            parser.add_argument(
                f"--{option.replace('_', '-')}", type=share, help=f"fail below this {name}"
            )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            embedder = serving_embedder()
        except EmbedderUnavailable as error:
            raise CommandError(str(error)) from error
        report = evaluate(embedder, _sizes(options), _watch)
        keep(report)
        self._show(report, options["json"])
        failures = list(_failures(report, options))
        if failures:
            raise CommandError(" ".join(failures))

    def _show(self, report: Report, json_to: str | None) -> None:
        text = as_json(report)
        if json_to == "-":
            self.stdout.write(text)
            return
        self.stdout.write(written(report))
        if json_to:
            try:
                Path(json_to).write_text(f"{text}\n", encoding="utf-8")
            except OSError as error:
                raise CommandError(f"{json_to} can't be written: {error.strerror}.") from error


def _sizes(options: dict[str, Any]) -> Sizes:
    most = options["sample"]
    if most is None:
        return Sizes(seed=options["seed"])
    return Sizes(most, most, options["seed"])


def _watch(answers: Iterable[Answer], what: str, total: int) -> list[Answer]:
    """All the answers, under a progress bar."""
    return list(tqdm(answers, desc=what, total=total, unit=" answers", disable=not total))


def _failures(report: Report, options: dict[str, Any]) -> Iterable[str]:
    """A sentence for each figure that is lower than was asked for."""
    for option, (measurement, measure, name) in GATES.items():
        least = options[option]
        if least is None:
            continue
        mean = report.mean(measurement, measure)
        if mean is None:
            yield f"The {name} can't be told, and {least:g} was asked for."
        elif mean < least:
            yield f"The {name} is {mean:.3f}, less than {least:g}."
