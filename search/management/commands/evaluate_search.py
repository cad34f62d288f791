from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from catalog.embedders import EmbedderUnavailable
from catalog.serving import serving_embedder
from search.evaluation.models import keep
from search.evaluation.report import Report, Sizes, Step, evaluate
from search.evaluation.text import as_json, lines
from search.management.arguments import positive, share, whole

# option -> the figure that it limits, and the name of that figure in a sentence
GATES = {
    "min_recall": ("same_product", "first", "recall in first place"),
    "min_recall_5": ("same_product", "first_five", "recall in the first five"),
    "min_precision": ("same_kind", "precision_10", "same-kind precision at 10"),
    "min_map": ("same_kind", "average_precision", "same-kind mean average precision"),
}


class Command(BaseCommand):
    help = (
        "Measure how good the search is on this catalog: whether changed photos, like those that "
        "shoppers take, find their product, and whether the products nearest to a product are of "
        "its category. The staff's page on search quality shows the latest result."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        sizes = Sizes()
        parser.add_argument(
            "--sample",
            type=positive,
            help=f"maximum number of products to ask for (default: {sizes.same_product} with every "
            f"change of their photo, {sizes.same_kind} for their kind)",
        )
        parser.add_argument(
            "--seed", type=whole, default=sizes.seed, help="selects the products (%(default)s)"
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
        count, seed = options["sample"], options["seed"]
        sizes = Sizes(seed=seed) if count is None else Sizes(count, count, seed)
        report = evaluate(embedder, sizes, _progress)
        text, file = as_json(report), options["json"]
        keep(text)
        if file == "-":
            self.stdout.write(text)
        else:
            self.stdout.write("\n".join(lines(report)))
            if file:
                try:
                    Path(file).write_text(f"{text}\n", encoding="utf-8")
                except OSError as error:
                    raise CommandError(f"{file} cannot be written: {error.strerror}.") from error
        failures = list(_failures(report, options))
        if failures:
            raise CommandError(" ".join(failures))


def _progress(steps: Iterable[Step], what: str, total: int) -> list[Step]:
    """The results of all steps, under a progress bar."""
    return list(tqdm(steps, desc=what, total=total, disable=not total))


def _failures(report: Report, options: dict[str, Any]) -> Iterable[str]:
    """A sentence for each figure below the limit that was given for it."""
    for option, (measurement, measure, name) in GATES.items():
        limit = options[option]
        if limit is None:
            continue
        mean = report.mean(measurement, measure)
        if mean is None:
            yield f"The {name} was not measured, and at least {limit:g} is required."
        elif mean < limit:
            yield f"The {name} is {mean:.3f}, less than {limit:g}."
