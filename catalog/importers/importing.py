"""Imports the rows of a catalog file into products, and reports what happened to each row."""

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from io import BufferedReader
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import OperationalError, transaction
from django.utils.translation import get_language, gettext, override

from catalog.embedding.columns import EmbeddedPicture, EmbeddingStatus, embedded_models, is_remote
from catalog.importers.formats import (
    NO_OPTIONS,
    CatalogFile,
    Options,
    Row,
    read_table,
    recognize,
)
from catalog.importers.formats.contract import in_column
from catalog.importers.formats.reading import uncategorised
from catalog.importers.tables import WINDOWS, InvalidCatalogFile, Table
from catalog.importers.writer import (
    FAILED,
    UNCHANGED,
    Change,
    ProductWriter,
    Values,
    WriteResult,
    addressed_photos,
    differing,
    prefetch_photos,
    read_products,
    without_false_sale,
)
from catalog.messages import Amount, Sentence, counted, sentence
from catalog.messages.translation import translated
from catalog.models import Product, default_currency, fetch_products_again
from catalog.pictures.gate import InvalidImage
from catalog.pictures.slots import DECODING, STAFF, Busy
from catalog.pictures.stored import NewPicture, image_limits, sha256
from catalog.tasks import batched_messages, hand_to_workers

CHUNK_ROWS = 500  # committed together
SLOW_ROWS = 100  # of a chunk, whose pictures the import itself decodes or fetches
ATTEMPTS = 3  # at a chunk that another import of the same products may have blocked
DECODER_THREADS = 2  # Pillow decodes outside the interpreter's lock
# SKUs are remembered to report repeated ones; as hashes they take 120 MB at most.
REMEMBERED_SKUS = 1_000_000
MAX_ELEMENTS_OF_COMMAND = 50_000_000  # of a spreadsheet: no shopper waits for a command
HOST_AND_PATH = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}/", re.IGNORECASE)
NOTE = "note"  # the status of a result that is about the whole file


@dataclass(frozen=True)
class RowResult:
    """What happened to one row: "created", "updated", "unchanged" or "failed", and why.

    A result of the status "note" says something about the file. Reasons are in the language that is
    active.
    """

    line: int
    status: str
    reason: str = ""
    sku: str = ""  # where it could be read
    changes: Mapping[str, Change] = field(default_factory=dict)  # of a dry run, by field


@dataclass(frozen=True)
class ImportReport:
    """How many rows had each status, which failed, and what else somebody should know."""

    counts: Counter[str]
    failures: list[RowResult]
    notes: list[RowResult]


class Owner(Protocol):
    """Whoever a file's products belong to, and keeps how far its import has come."""

    def remaining(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows that are still to be imported."""

    def admit(self, rows: list[Row]) -> list[Row]:
        """The rows of a chunk as they are to be written; an error keeps one from that."""

    def settle(self, results: list[RowResult]) -> None:
        """Keep the results of a chunk, in its transaction, which an exception undoes."""


def import_products(
    path: Path,
    *,
    options: Options = NO_OPTIONS,
    on_read: Callable[[int, int], object] | None = None,
    refetch: bool = False,
    dry_run: bool = False,
) -> Iterator[RowResult]:
    """Import a file of any kind that `read_table` takes: a result for each row.

    `on_read` gets the bytes read so far, and the file's size. Otherwise as `import_table`.
    """
    with _open(path) as file:
        size = os.fstat(file.fileno()).st_size
        table = read_table(file, spare_elements=MAX_ELEMENTS_OF_COMMAND)
        results = import_table(
            table, beside=path.parent, options=options, refetch=refetch, dry_run=dry_run
        )
        for result in results:
            if on_read:
                on_read(file.tell(), size)
            yield result


@contextmanager
def open_catalog(path: Path, options: Options = NO_OPTIONS) -> Iterator[CatalogFile]:
    """How a file is understood, for as long as it is open. Raises InvalidCatalogFile."""
    with _open(path) as file:
        yield recognize(read_table(file, spare_elements=MAX_ELEMENTS_OF_COMMAND), options)


def import_table(
    table: Table,
    *,
    beside: Path | None = None,
    options: Options = NO_OPTIONS,
    confined: bool = False,
    may_add_categories: bool = True,
    refetch: bool = False,
    dry_run: bool = False,
    owner: Owner | None = None,
) -> Iterator[RowResult]:
    """Import products: a result for each row, once its chunk of rows is committed.

    Rows are matched by SKU, so importing again updates products, and an import that was stopped
    continues. Of rows with the same SKU the last one counts. Pictures behind addresses are left
    to tasks, with `refetch` also those that were fetched before; paths are relative to the folder
    `beside` and to the media folder, and confined ones must not lead out of them. A dry run changes
    nothing, and its results have what would change. An `owner` takes part in each chunk. Raises
    InvalidCatalogFile; where the header is wrong, before anything is imported.
    """
    earlier: dict[int, int] = {}  # the last line with a SKU, by the hash of the SKU
    folders = [*([beside] if beside else []), Path(settings.MEDIA_ROOT)]
    if table.sheet:
        yield _about_file(
            sentence(
                "These are the products of the sheet '%(sheet)s'; others were not read.",
                sheet=table.sheet,
            )
        )
    if table.encoding == WINDOWS:
        yield _about_file(
            sentence(
                "The file is not UTF-8. It was read as Windows-1252. If letters such as é are "
                "wrong, save it as CSV (UTF-8) or .xlsx."
            )
        )
    file = recognize(table, options)
    names = [str(name).strip().lower() for name in file.headers(used=False)]
    if file.format.is_own and "sku" in names:
        yield _about_file(
            sentence("SKUs are read from the column id. To use the column SKU, rename it to id.")
        )
    rows = owner.remaining(iter(file)) if owner else file
    unpriced = unlinked = 0  # rows without a currency, and without a link
    with ThreadPoolExecutor(DECODER_THREADS) as decoders:
        for chunk in _chunks(rows):
            unpriced += sum(not row.error and "currency" not in row.values for row in chunk)
            unlinked += sum(not row.error and "link" not in row.values for row in chunk)
            last = {row.sku: row.line for row in chunk if not row.error}
            counting = [row for row in chunk if row.error or last[row.sku] == row.line]
            known, prepared = _prepare(counting, folders, decoders, confined=confined)
            if not file.format.is_own:
                prepared = [_categorised(row) if row.sku in known else row for row in prepared]
            if owner:
                prepared = owner.admit(prepared)
            with transaction.atomic() if owner else nullcontext():
                if dry_run:
                    outcomes = _check_chunk(prepared, known, may_add_categories)
                else:
                    outcomes = _import_chunk(prepared, known, may_add_categories, refetch)
                results = map(_noted, outcomes, (row.note for row in prepared))
                chunk_results = []
                for row in chunk:
                    if not row.error and last[row.sku] != row.line:
                        reason = gettext(
                            "Line %(line)s has the same id and counts instead of this one."
                        ) % {"line": last[row.sku]}
                        chunk_results.append(RowResult(row.line, UNCHANGED, reason, row.sku))
                        continue
                    result = next(results)
                    before = None if row.error else earlier.get(hash(row.sku))
                    if before:
                        note = gettext(
                            "Line %(line)s has the same id; this line counts instead of it."
                        ) % {"line": before}
                        result = _noted(result, note)
                    chunk_results.append(result)
                if owner:
                    owner.settle(chunk_results)
            yield from chunk_results
            earlier.update((hash(sku), line) for sku, line in last.items())
            while len(earlier) > REMEMBERED_SKUS:
                del earlier[next(iter(earlier))]
    if unpriced and not file.format.is_own:
        yield _about_file(
            counted(
                "%(number)s product has no currency in the file. New ones get %(currency)s, unless "
                "you name another currency.",
                "%(number)s products have no currency in the file. New ones get %(currency)s, "
                "unless you name another currency.",
                Amount(unpriced),
                currency=default_currency(),
            )
        )
    if unlinked and not (file.format.is_own or options.base_url):
        yield _about_file(
            counted(
                "%(number)s product has no link to the shop. If the file lacks only the shop's "
                "address, give the address (base URL).",
                "%(number)s products have no link to the shop. If the file lacks only the shop's "
                "address, give the address (base URL).",
                Amount(unlinked),
            )
        )


def _about_file(note: Sentence) -> RowResult:
    return RowResult(1, NOTE, translated(note))


def summarize(results: Iterable[RowResult]) -> ImportReport:
    """The report on these results."""
    report = ImportReport(Counter(), [], [])
    for result in results:
        if result.status != NOTE:
            report.counts[result.status] += 1
        if result.status == FAILED:
            report.failures.append(result)
        elif result.reason:
            report.notes.append(result)
    return report


def _noted(result: RowResult, note: str) -> RowResult:
    """The result with a note about its row, unless that failed."""
    if not note or result.status == FAILED:
        return result
    return replace(result, reason=f"{note} {result.reason}".strip())


def reasons_of(error: ValidationError) -> str:
    """All that is wrong with a row, each part after the name of its column."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return " ".join(
        translated(in_column("id" if name == "sku" else name, " ".join(texts)))
        for name, texts in error.message_dict.items()
    )


def _open(path: Path) -> BufferedReader:
    """The file. Raises InvalidCatalogFile."""
    try:
        if path.exists() and not path.is_file():  # reading a device or a pipe may never end
            raise InvalidCatalogFile(_no_file(path))
        return path.open("rb")
    except OSError as error:
        raise InvalidCatalogFile(_unreadable(path, error)) from error


def _no_file(path: Path | str) -> Sentence:
    return sentence("%(file)s can't be read: it is not a file.", file=path)


def _unreadable(path: Path | str, error: OSError) -> Sentence:
    return sentence("%(file)s can't be read: %(reason)s.", file=path, reason=error.strerror)


def _prepare(
    rows: list[Row], folders: Sequence[Path], decoders: ThreadPoolExecutor, *, confined: bool
) -> tuple[dict[str, Product], list[Row]]:
    """The products that exist, by SKU, and the rows with their local pictures."""
    skus = [row.sku for row in rows if not row.error]
    known = read_products(Product.objects.all(), skus)
    prefetch_photos(known[row.sku] for row in rows if "photos" in row.values and row.sku in known)
    language = get_language()

    def with_picture(row: Row) -> Row:
        product = known.get(row.sku)
        with override(language):  # which other threads do not know
            try:
                values = with_local_picture(row.values, product, folders, confined=confined)
            except ValidationError as error:
                return replace(row, error=reasons_of(error))
        return replace(row, values=values)

    # Decoding pictures takes long, so it happens before the transaction, which holds locks.
    pictured = decoders.map(with_picture, filter(_has_path, rows))
    prepared = [next(pictured) if _has_path(row) else row for row in rows]
    for place, row in enumerate(prepared):
        values, note = without_false_sale(row.values, known.get(row.sku))
        if note:
            prepared[place] = replace(row, values=values, note=f"{row.note} {note}".strip())
    return known, prepared


def _categorised(row: Row) -> Row:
    """A product's row; where the file knows no category, the product keeps the one that it has."""
    if row.values.get("category") != uncategorised():
        return row
    values = {name: value for name, value in row.values.items() if name != "category"}
    return replace(row, values=values)


def _has_path(row: Row) -> bool:
    """Whether the row's picture is a file."""
    source = row.values.get("image_url", "")
    return bool(source) and not is_remote(source)


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows that are committed together; fewer where the import itself reads their pictures.

    Raises InvalidCatalogFile after the rows before the fault.
    """
    chunk: list[Row] = []
    slow = 0
    try:
        for row in rows:
            chunk.append(row)
            fetches = settings.CELERY_TASK_ALWAYS_EAGER and "image_url" in row.values
            slow += fetches or _has_path(row)
            if len(chunk) == CHUNK_ROWS or slow == SLOW_ROWS:
                yield chunk
                chunk, slow = [], 0
    except InvalidCatalogFile:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


def _check_chunk(
    rows: list[Row], known: Mapping[str, Product], may_add_categories: bool
) -> list[RowResult]:
    """What an import of the rows would do; a result for each, in their order."""
    writer = ProductWriter(may_add_categories=may_add_categories, dry_run=True)
    results = []
    for row in rows:
        if row.error:
            results.append(RowResult(row.line, FAILED, row.error, row.sku))
            continue
        result = writer.check(known.get(row.sku) or Product(), row.values)
        reason = reasons_of(ValidationError(dict(result.errors)))
        results.append(RowResult(row.line, result.status, reason, row.sku, result.changes))
    return results


def _import_chunk(
    rows: list[Row], known: Mapping[str, Product], may_add_categories: bool, refetch: bool
) -> list[RowResult]:
    """Import rows with different SKUs; a result for each, in their order."""
    results = {
        row.line: RowResult(row.line, FAILED, row.error, row.sku) for row in rows if row.error
    }
    waiting: list[EmbeddedPicture] = []  # whose picture never arrived
    for row in rows:
        if row.error or row.sku not in known or differing(known[row.sku], row.values):
            continue
        product = known[row.sku]
        photos = addressed_photos(product) if "photos" in row.values else ()
        missing = [
            each for each in (product, *photos) if not each.image and is_remote(each.image_url)
        ]
        reason = " ".join(
            gettext("The picture %(address)s is tried again. %(reason)s")
            % {"address": each.image_url, "reason": each.embedding_error}
            for each in missing
            if each.embedding_status == EmbeddingStatus.FAILED
        )
        results[row.line] = RowResult(row.line, UNCHANGED, reason, row.sku)
        waiting += missing
    _fetch_missing(waiting)
    left = [row for row in rows if row.line not in results]
    if left:
        lines: dict[int, int] = {}  # of the rows that are written, by the id of their product
        for row, result in zip(left, _write(left, may_add_categories), strict=True):
            reason = reasons_of(ValidationError(dict(result.errors))) if result.errors else ""
            results[row.line] = RowResult(row.line, result.status, reason, row.sku)
            if result.id is not None:
                lines[result.id] = row.line
        for key, reason in _failed_pictures(lines):
            told = results[lines[key]]
            results[lines[key]] = replace(told, reason=f"{told.reason} {reason}".strip())
    if refetch:  # a product whose address has changed has no stored picture now
        again = [known[row.sku].pk for row in rows if row.sku in known and not row.error]
        fetch_products_again(again, conditional=True)
    return [results[row.line] for row in rows]


def _write(rows: list[Row], may_add_categories: bool) -> list[WriteResult]:
    """Create and change the products of the rows in one transaction; a result for each row."""
    attempts = 0
    while True:
        attempts += 1
        try:
            with transaction.atomic(), batched_messages():
                skus = (row.sku for row in rows)
                writer = ProductWriter(skus, may_add_categories=may_add_categories)
                return writer.upsert_all([row.values for row in rows])
        except OperationalError:  # such as a deadlock of two imports that create the same products
            if attempts == ATTEMPTS:
                raise


def _failed_pictures(product_ids: Iterable[int]) -> Iterator[tuple[int, str]]:
    """The ids of products of which a picture could not be fetched so far, and why.

    Where there is no worker, new pictures were fetched at the commit.
    """
    for model in embedded_models():
        owner = "pk" if model is Product else "product_id"
        failed = model.objects.unfetched().filter(embedding_status=EmbeddingStatus.FAILED)
        failed = failed.filter(**{f"{owner}__in": product_ids})
        for key, address, error in failed.values_list(owner, "image_url", "embedding_error"):
            text = gettext("The picture %(address)s is missing. %(reason)s")
            yield key, text % {"address": address, "reason": error}


def _fetch_missing(pictures: Collection[EmbeddedPicture]) -> None:
    """Fetch again what never arrived: a fetch that failed, or whose message was lost."""
    if not pictures:
        return
    with transaction.atomic(), batched_messages():
        failed = [each for each in pictures if each.embedding_status == EmbeddingStatus.FAILED]
        for model in {type(picture) for picture in failed}:
            rows = model.objects.filter(pk__in=[each.pk for each in failed if type(each) is model])
            rows.unfetched().filter(embedding_status=EmbeddingStatus.FAILED).make_pending()
        hand_to_workers(*pictures)


def with_local_picture(
    values: Values, product: Product | None, folders: Sequence[Path], *, confined: bool = False
) -> Values:
    """The values, with `image` where `image_url` is a path to a picture that the product lacks.

    Paths are relative to the folders, of which the media folder is the last; confined ones must not
    lead out of them. A file that no longer exists is an error only if the product does not have its
    picture. Raises ValidationError.
    """
    source = str(values.get("image_url", ""))
    if not source or is_remote(source):
        return values
    paths = [folder / source for folder in folders]
    if confined:
        tops = [folder.resolve() for folder in folders]
        paths = [path for path in paths if any(path.resolve().is_relative_to(top) for top in tops)]
    has_picture = product is not None and product.image.is_stored()
    data = _read_file(source, paths)
    if data is None:
        if product is not None and has_picture and product.image_url == source:
            return values
        if len(folders) == 1:
            problem = sentence("There is no file %(file)s in the media folder.", file=source)
        else:
            problem = sentence(
                "There is no file %(file)s beside the file or in the media folder.", file=source
            )
        if HOST_AND_PATH.match(source):
            problem = sentence(
                "%(problem)s If this is an address, write %(address)s",
                problem=problem,
                address=f"https://{source}",
            )
        raise ValidationError({"image_url": translated(problem)})
    if product is not None and has_picture and product.image_source_digest == sha256(data):
        return values
    try:
        # A confined import runs in a web process, where shoppers have their pictures decoded, too.
        with DECODING.one(STAFF) if confined else nullcontext():
            return {**values, "image": NewPicture(data)}
    except (InvalidImage, Busy) as error:
        raise ValidationError({"image_url": translated(error)}) from error


def _read_file(source: str, paths: Sequence[Path]) -> bytes | None:
    """The first of the files that exists, as far as the picture gate needs it."""
    for path in paths:
        try:
            if path.exists() and not path.is_file():  # reading a device or a pipe may never end
                raise ValidationError({"image_url": translated(_no_file(source))})
            with path.open("rb") as file:
                return file.read(image_limits().bytes + 1)  # the gate refuses one byte too many
        except FileNotFoundError:
            continue
        except OSError as error:
            problem = translated(_unreadable(source, error))
            raise ValidationError({"image_url": problem}) from error
    return None
