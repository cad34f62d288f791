from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from tqdm import tqdm

from catalog.embedding.columns import EmbeddingStatus, embedded_models
from catalog.importers import InvalidCatalogFile, import_products, summarize


class Command(BaseCommand):
    help = (
        "Import products from a CSV or XLSX file with the columns id,name,category,image_url,price "
        "and, optionally, currency, link and active. Any usual delimiter and encoding is "
        "understood, and prices such as 1.234,56 EUR. Safe to stop and repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--refetch",
            action="store_true",
            help="ask the addresses of unchanged rows, too, whether their pictures have changed",
        )

    def handle(self, *args: Any, file: Path, refetch: bool, **options: Any) -> None:
        def follow(done: int, size: int) -> None:
            bar.total = size
            bar.update(done - bar.n)

        try:
            with tqdm(desc="importing", unit="B", unit_scale=True) as bar:
                report = summarize(import_products(file, on_read=follow, refetch=refetch))
        except InvalidCatalogFile as error:
            raise CommandError(str(error)) from error
        except OperationalError as error:
            raise CommandError(
                f"The import stopped because the database failed: {error}. Run it again to go on."
            ) from error
        for row in (*report.notes, *report.failures):
            sku = f" (id {row.sku})" if row.sku else ""
            self.stderr.write(f"line {row.line}: {row.reason}{sku}")
        counts = {
            name: report.counts[name] for name in ("created", "updated", "unchanged", "failed")
        }
        self.stdout.write(", ".join(f"{count} {name}" for name, count in counts.items()))
        if waiting := sum(
            model.objects.unfetched().filter(embedding_status=EmbeddingStatus.PENDING).count()
            for model in embedded_models()
        ):
            pictures = "1 picture is" if waiting == 1 else f"{waiting} pictures are"
            self.stdout.write(
                f"In the catalog, {pictures} not fetched yet. Import the file again later to see "
                "by line and id which could not be; the admin shows it, too."
            )
        if report.failures:
            count = len(report.failures)
            rows = "1 row was" if count == 1 else f"{count} rows were"
            raise CommandError(f"{rows} not imported.")
