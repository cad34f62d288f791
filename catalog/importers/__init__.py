"""`products.csv` to products, row by row: what is wrong with one row never stops the others."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from catalog.fetching.remote import is_remote
from catalog.importers.lines import Line, chunks, open_lines
from catalog.importers.rows import fill, named_category, save, sentence
from catalog.importers.sources import InvalidSource, local_picture
from catalog.models import Category, EmbeddedQuerySet, EmbeddingStatus, Product
from catalog.pictures.gate import InvalidImage
from catalog.pictures.storage import NotStored
from catalog.signals import in_one_request, want_picture

CHUNK = 100  # rows to a transaction and to a message
DECODERS = 2  # threads; Pillow decodes outside the interpreter's lock

Products = Mapping[str, Product]  # by SKU


@dataclass(frozen=True)
class RowResult:
    """What became of one row: "created", "updated", "unchanged" or "failed", and perhaps why."""

    line: int
    outcome: str
    reason: str = ""


@dataclass(frozen=True)
class ImportReport:
    """How many rows came to what, which of them failed, and which a later row overruled."""

    counts: Counter[str]
    failures: list[RowResult]
    overruled: list[RowResult]


def import_products(path: Path) -> Iterator[RowResult]:
    """Import a CSV file: a result for each row, once its chunk of rows is committed.

    Rows are matched on the SKU, so importing again updates, and one that was stopped goes on
    where it was; of rows with the same SKU the last one counts. Pictures behind addresses are left
    to tasks. Raises InvalidCatalogFile; where the header is wrong, before anything is imported.
    """
    folders = {"beside the CSV": path.parent, "in the media folder": Path(settings.MEDIA_ROOT)}
    with open_lines(path) as lines, ThreadPoolExecutor(DECODERS) as decoders:
        for chunk in chunks(lines, CHUNK):
            products = _by_sku(chunk, Product.objects.all())
            # Reading pictures takes its time: not inside a transaction.
            read = partial(_with_picture, folders=folders, products=products)
            yield from _import(list(decoders.map(read, chunk)), products)


def summarize(results: Iterable[RowResult]) -> ImportReport:
    """The report on these results."""
    report = ImportReport(Counter(), [], [])
    for result in results:
        report.counts[result.outcome] += 1
        if result.outcome == "failed":
            report.failures.append(result)
        elif result.reason:
            report.overruled.append(result)
    return report


def _by_sku(lines: Iterable[Line], products: EmbeddedQuerySet) -> Products:
    skus = [line.sku for line in lines if line.row]
    return products.select_related("category").in_bulk(skus, field_name="sku")


def _with_picture(line: Line, folders: Mapping[str, Path], products: Products) -> Line:
    """The line with its picture, where that is a file whose picture the product has not."""
    if line.row is None or not line.row.source or is_remote(line.row.source):
        return line
    try:
        picture = local_picture(line.row.source, folders, products.get(line.sku))
    except (InvalidImage, InvalidSource) as error:
        return Line(line.number, reason=f"image_url: {error}")
    return replace(line, picture=picture)


def _import(lines: list[Line], products: Products) -> list[RowResult]:
    same = [line for line in lines if _is_same(line, products.get(line.sku))]
    _ask_again(products[line.sku] for line in same)
    known = {line.number for line in (*same, *(line for line in lines if line.overruled))}
    saved = iter(_save([line for line in lines if line.number not in known]))
    return [
        RowResult(line.number, "unchanged", line.reason) if line.number in known else next(saved)
        for line in lines
    ]


def _is_same(line: Line, product: Product | None) -> bool:
    if line.row is None or line.picture is not None or product is None:
        return False
    return line.row.agrees(product)


def _ask_again(products: Iterable[Product]) -> None:
    """Try the addresses once more whose pictures never came, or whose messages were lost."""
    waiting = [product for product in products if not product.image]
    waiting = [product for product in waiting if is_remote(product.image_url)]
    if not waiting:
        return
    rows = Product.objects.filter(pk__in=[product.pk for product in waiting]).unfetched()
    with transaction.atomic(), in_one_request():
        rows.filter(embedding_status=EmbeddingStatus.FAILED).ask_again()
        for product in waiting:
            want_picture(product)


def _save(lines: list[Line]) -> list[RowResult]:
    if not lines:
        return []
    try:
        return _save_together(lines)
    except IntegrityError:  # somebody else created one of these products meanwhile: update it
        return _save_together(lines)


def _save_together(lines: list[Line]) -> list[RowResult]:
    with transaction.atomic(), in_one_request():
        products = _by_sku(lines, Product.objects.select_for_update(of=("self",)))
        category = cache(named_category)
        return [_save_one(line, products.get(line.sku), category) for line in lines]


def _save_one(
    line: Line, product: Product | None, category: Callable[[str], Category]
) -> RowResult:
    if line.row is None:
        return RowResult(line.number, "failed", line.reason)
    product = product or Product(sku=line.row.sku)
    try:
        changed = fill(product, line.row, category)
    except ValidationError as error:
        return RowResult(line.number, "failed", sentence(error))
    outcome = "created" if product.pk is None else "updated"
    try:
        save(product, changed, line.picture)
    except NotStored as error:
        return RowResult(line.number, "failed", f"image_url: {error}")
    return RowResult(line.number, outcome)
