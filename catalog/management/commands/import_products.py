from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from tqdm import tqdm

from catalog.importers import RowResult, import_products, summarize
from catalog.importers.lines import count_lines
from catalog.importers.rows import InvalidCatalogFile


class Command(BaseCommand):
    help = (
        "Import products from a CSV file with the header id,name,category,image_url,price, and "
        "perhaps currency, link and active. Safe to stop and repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            with tqdm(desc="importing", total=count_lines(file), unit=" lines") as bar:
                report = summarize(_watched(import_products(file), bar))
        except InvalidCatalogFile as error:
            raise CommandError(str(error)) from error
        except OperationalError as error:
            raise CommandError(
                f"The import stopped, as the database failed: {error}. Run it again to go on."
            ) from error
        for row in (*report.overruled, *report.failures):
            self.stderr.write(f"line {row.line}: {row.reason}")
        counts = {
            name: report.counts[name] for name in ("created", "updated", "unchanged", "failed")
        }
        self.stdout.write(", ".join(f"{count} {name}" for name, count in counts.items()))
        if report.failures:
            raise CommandError(f"{len(report.failures)} rows were not imported.")


def _watched(results: Iterable[RowResult], bar: "tqdm[Any]") -> Iterator[RowResult]:
    """The results, while the bar follows their lines in the file."""
    for result in results:
        bar.update(result.line - bar.n)
        yield result
