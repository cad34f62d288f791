from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urljoin

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from tqdm import tqdm

from catalog.embedding.columns import EmbeddingStatus, embedded_models, is_remote
from catalog.fetching.fetcher import FetchError
from catalog.fetching.remote import fetch_feed
from catalog.importers import (
    FORMATS,
    InvalidCatalogFile,
    Options,
    RowResult,
    TruncatedFile,
    import_products,
    open_catalog,
    summarize,
)
from catalog.importers.formats import CatalogFile, MissingColumns
from catalog.importers.writer import Values
from catalog.messages.translation import translated
from catalog.models import default_currency

SHOWN_PRODUCTS = 5
SHOWN_HEADERS = 60
SHOWN_LETTERS = 40  # of a header
COUNTED = ("created", "updated", "unchanged", "failed")


class Command(BaseCommand):
    help = (
        "Import products from a file or a feed at an http(s) address: products.csv, the exports of "
        "Shopify, WooCommerce and Magento 2, feeds for Google Merchant and Meta (text or XML), and "
        "spreadsheets (.xlsx) with such columns. The format is recognized by the columns, and any "
        "usual delimiter, encoding and way to write prices is understood. Safe to stop and repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE_OR_URL")
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="show how the file is understood and what would change, and change nothing",
        )
        parser.add_argument(
            "--format", default="", help=f"do not detect the format: {', '.join(FORMATS)}"
        )
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="FIELD=HEADER",
            help="read a field from the column with this header, such as name=Nom; repeatable",
        )
        parser.add_argument(
            "--currency", default="", help="the currency of prices that name none, such as EUR"
        )
        parser.add_argument(
            "--base-url",
            default="",
            help="the shop's address, for pictures and links without a host",
        )
        parser.add_argument(
            "--refetch",
            action="store_true",
            help="ask the addresses of unchanged rows, too, whether their pictures have changed",
        )

    def handle(self, *args: Any, file: str, refetch: bool, dry_run: bool, **given: Any) -> None:
        faults: list[TruncatedFile] = []
        try:
            options = Options.of(
                given["format"], given["map"], given["currency"], given["base_url"]
            )
            with ExitStack() as stack:
                path = Path(file)
                if is_remote(file):
                    path = _fetched(file, stack)
                    options = replace(options, base_url=options.base_url or urljoin(file, "/"))
                if dry_run:
                    with open_catalog(path, options) as catalog:
                        self._show(catalog)
                follow = _follow(stack, "importing")
                results = import_products(
                    path, options=options, on_read=follow, refetch=refetch, dry_run=dry_run
                )
                report = summarize(_until_fault(results, faults))
        except MissingColumns as error:
            hint = "Name a column with --map FIELD=HEADER, such as --map name=Nom."
            raise CommandError(f"{translated(error)} {hint}") from error
        except (InvalidCatalogFile, FetchError) as error:
            raise CommandError(translated(error)) from error
        except OperationalError as error:
            raise CommandError(
                f"The import stopped because the database failed: {error}. Run it again to go on."
            ) from error
        for row in (*report.notes, *report.failures):
            sku = f" (id {row.sku})" if row.sku else ""
            self.stderr.write(f"line {row.line}: {row.reason}{sku}")
        self.stdout.write(", ".join(f"{report.counts[name]} {name}" for name in COUNTED))
        if dry_run:
            self.stdout.write("This was a dry run, and nothing has changed.")
        else:
            self._tell_waiting()
        if faults:
            reason = translated(faults[0])
            raise CommandError(f"{reason} Only what is before that was read.")
        if report.failures:
            count = len(report.failures)
            rows = "1 row" if count == 1 else f"{count} rows"
            verb = "would not be" if dry_run else "was not" if count == 1 else "were not"
            raise CommandError(f"{rows} {verb} imported.")

    def _show(self, catalog: CatalogFile) -> None:
        """How a file is understood: its format, its columns and its first products."""
        self.stdout.write(f"format: {catalog.format.title} (--format {catalog.key})")
        for title, used in (("columns used", True), ("columns ignored", False)):
            headers = catalog.headers(used=used)
            shown = ", ".join(header[:SHOWN_LETTERS] for header in headers[:SHOWN_HEADERS])
            more = len(headers) - SHOWN_HEADERS
            self.stdout.write(
                f"{title}: {shown or 'none'}{f' and {more} more' if more > 0 else ''}"
            )
        self.stdout.write("first products:")
        for row in islice(catalog, SHOWN_PRODUCTS):
            self.stdout.write(f"  line {row.line}: {row.error or _described(row.values)}")

    def _tell_waiting(self) -> None:
        """Say how many pictures are still to be fetched."""
        waiting = sum(
            model.objects.unfetched().filter(embedding_status=EmbeddingStatus.PENDING).count()
            for model in embedded_models()
        )
        if waiting:
            pictures = "1 picture is" if waiting == 1 else f"{waiting} pictures are"
            self.stdout.write(
                f"In the catalog, {pictures} not fetched yet. Import the file again later to see "
                "by line and id which could not be; the admin shows it, too."
            )


def _described(values: Values) -> str:
    """A product on one line."""
    photos = ("image_url" in values) + len(values.get("photos", ()))
    currency = values.get("currency", default_currency())
    sale = f", on sale for {values['sale_price']}" if values.get("sale_price") else ""
    parts = [
        f"{values['sku']} {values['name']!r}",
        f"{values['price']} {currency}{sale}",
        values["category"],
        "1 photo" if photos == 1 else f"{photos} photos",
        *(f"{name} {values[name]}" for name in ("group", "availability") if values.get(name)),
        *(f"{name} {text}" for name, text in values.get("attributes", {}).items()),
        *(() if values.get("active", True) else ("hidden",)),
    ]
    return "; ".join(parts)


def _fetched(url: str, stack: ExitStack) -> Path:
    """The file at an address, until the stack is closed. Raises FetchError."""
    path = Path(stack.enter_context(TemporaryDirectory())) / "feed"
    with path.open("wb") as file:
        fetch_feed(url, file, on_read=_follow(stack, "fetching"))
    return path


def _follow(stack: ExitStack, title: str) -> Callable[[int, int], object]:
    """Shows how much was read of how much, until the stack is closed."""
    bar = stack.enter_context(tqdm(desc=title, unit="B", unit_scale=True))

    def follow(done: int, size: int) -> None:
        bar.total = size or None
        bar.update(done - bar.n)

    return follow


def _until_fault(results: Iterable[RowResult], faults: list[TruncatedFile]) -> Iterator[RowResult]:
    """The results up to the fault of a damaged file, which is noted."""
    try:
        yield from results
    except TruncatedFile as error:
        faults.append(error)
