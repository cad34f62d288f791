"""Imports the rows of a catalog file into products, and reports what happened to each row."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from catalog.embedding.columns import is_remote
from catalog.importers.products_csv import Row, read_csv, sentence, with_local_picture
from catalog.importers.writer import FAILED, UNCHANGED, ProductWriter, differing
from catalog.models import EmbeddingStatus, Product
from catalog.pictures.storage import NotStored
from catalog.tasks import batched_messages, hand_to_workers

CHUNK_ROWS = 100  # committed together, and embedded by one task
DECODER_THREADS = 2  # Pillow decodes outside the interpreter's lock
# SKUs are remembered to report repeated ones; as hashes they take 120 MB at most.
REMEMBERED_SKUS = 1_000_000


@dataclass(frozen=True)
class RowResult:
    """What happened to one row: "created", "updated", "unchanged" or "failed", and why."""

    line: int
    status: str
    reason: str = ""


@dataclass(frozen=True)
class ImportReport:
    """How many rows had each status, which failed, and which share their id with another row."""

    counts: Counter[str]
    failures: list[RowResult]
    repeated: list[RowResult]


def import_products(
    path: Path, *, on_read: Callable[[int, int], object] | None = None
) -> Iterator[RowResult]:
    """Import a CSV file: a result for each row, once its chunk of rows is committed.

    Rows are matched by SKU, so importing again updates products, and an import that was stopped
    continues. Of rows with the same SKU the last one counts. Pictures behind addresses are left
    to tasks. `on_read` gets the bytes read so far, and the file's size. Raises InvalidCatalogFile;
    where the header is wrong, before anything is imported.
    """
    rows = read_csv(path, on_read)
    folders = {"beside the CSV": path.parent, "in the media folder": Path(settings.MEDIA_ROOT)}
    earlier: dict[int, int] = {}  # the last line with a SKU, by the hash of the SKU
    with ThreadPoolExecutor(DECODER_THREADS) as decoders:
        while chunk := list(islice(rows, CHUNK_ROWS)):
            last = {row.sku: row.line for row in chunk if not row.error}
            counting = [row for row in chunk if row.error or last[row.sku] == row.line]
            results = iter(_import_chunk(counting, folders, decoders))
            for row in chunk:
                if not row.error and last[row.sku] != row.line:
                    reason = f"Line {last[row.sku]} has the same id and counts instead of this one."
                    yield RowResult(row.line, UNCHANGED, reason)
                    continue
                result = next(results)
                before = None if row.error else earlier.get(hash(row.sku))
                if before and result.status != FAILED:
                    reason = f"Line {before} has the same id; this line counts instead of it."
                    result = replace(result, reason=reason)
                yield result
            earlier.update((hash(sku), line) for sku, line in last.items())
            while len(earlier) > REMEMBERED_SKUS:
                del earlier[next(iter(earlier))]


def summarize(results: Iterable[RowResult]) -> ImportReport:
    """The report on these results."""
    report = ImportReport(Counter(), [], [])
    for result in results:
        report.counts[result.status] += 1
        if result.status == FAILED:
            report.failures.append(result)
        elif result.reason:
            report.repeated.append(result)
    return report


def _import_chunk(
    rows: list[Row], folders: Mapping[str, Path], decoders: ThreadPoolExecutor
) -> list[RowResult]:
    """Import rows with different SKUs; a result for each, in their order."""
    skus = [row.sku for row in rows if not row.error]
    known = Product.objects.select_related("category").in_bulk(skus, field_name="sku")

    def with_picture(row: Row) -> Row:
        try:
            return replace(row, values=with_local_picture(row.values, known.get(row.sku), folders))
        except ValidationError as error:
            return Row(row.line, error=sentence(error))

    # Decoding pictures takes long, so it happens before the transaction, which holds locks.
    rows = list(decoders.map(with_picture, rows))
    unchanged = [
        row for row in rows if row.sku in known and not differing(known[row.sku], row.values)
    ]
    _fetch_missing([known[row.sku] for row in unchanged])
    results = {row.line: RowResult(row.line, UNCHANGED) for row in unchanged}
    results |= {row.line: RowResult(row.line, FAILED, row.error) for row in rows if row.error}
    left = [row for row in rows if row.line not in results]
    if left:
        with transaction.atomic(), batched_messages():
            writer = ProductWriter(row.sku for row in left)
            for row in left:
                try:
                    result = writer.upsert(row.values)
                except NotStored as error:
                    results[row.line] = RowResult(row.line, FAILED, f"image_url: {error}")
                else:
                    reason = sentence(ValidationError(dict(result.errors)))
                    results[row.line] = RowResult(row.line, result.status, reason)
    return [results[row.line] for row in rows]


def _fetch_missing(products: Iterable[Product]) -> None:
    """Fetch again what never arrived: a fetch that failed, or whose message was lost."""
    waiting = [
        product for product in products if not product.image and is_remote(product.image_url)
    ]
    if not waiting:
        return
    rows = Product.objects.filter(pk__in=[product.pk for product in waiting]).unfetched()
    with transaction.atomic(), batched_messages():
        rows.filter(embedding_status=EmbeddingStatus.FAILED).make_pending()
        for product in waiting:
            hand_to_workers(product)
