from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from catalog.importers import InvalidCatalogFile, import_products, summarize


class Command(BaseCommand):
    help = "Import products from a CSV file with the header id,name,category,image_url,price."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            report = summarize(tqdm(import_products(file), desc="importing", unit=" rows"))
        except InvalidCatalogFile as error:
            raise CommandError(str(error)) from error
        for failure in report.failures:
            self.stderr.write(f"line {failure.line}: {failure.reason}")
        counts = {
            name: report.counts[name] for name in ("created", "updated", "unchanged", "failed")
        }
        self.stdout.write(", ".join(f"{count} {name}" for name, count in counts.items()))
        if report.failures:
            raise CommandError(f"{len(report.failures)} rows were not imported.")
