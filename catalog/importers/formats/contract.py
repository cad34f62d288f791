"""What a format of catalog files is, and how to add one.

A format is a module in this package with one `FORMAT`, listed in `FORMATS` in `__init__.py`:

1. `columns` names, for each field, the headers under which a file may have it; the first header
   that the file has counts. Case, spaces, hyphens and underscores don't matter. A `#` stands for
   a number or nothing: `image[#].url` takes all such columns, and the field then holds texts by
   number. The fields of `FIELDS` go to the product as they are; others are for the next step only.
2. `needed` are the fields that every such file has. A file has the first format in `FORMATS` whose
   needed fields its header has. `find_columns` may find some by their values: translated headers.
3. `products` turns rows into products, where they differ: it yields a draft for each product, made
   of one row (`row.but(category=...)`) or of several. It may read the rows more than once. An error
   of a row stays with the drafts made of it, so that the row is reported.

All else is common to all formats (`reading.py`): cells to text, prices, currencies, entities,
addresses, availability, and the report on what is wrong.

Whoever imports a file iterates over it once. A file that ends too early or is damaged gives the
products before that, and then raises `TruncatedFile`; every other InvalidCatalogFile is one that
can't be read at all, such as an empty one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from sys import getsizeof
from typing import Any

from django.utils.functional import Promise

from catalog.importers.tables import InvalidCatalogFile, Record
from catalog.importers.writer import Values
from catalog.messages import Sentence, sentence
from catalog.values import EXCERPT, InvalidValue, address, currency_code, excerpt

# What a draft can say of a product. `category` is a path such as "Clothing > Shirts", `image_url`
# the first picture, `photos` the others, `attributes` texts by name; all else is text.
FIELDS = (
    *("sku", "name", "category", "image_url", "photos", "price", "sale_price", "currency"),
    *("link", "active", "availability", "brand", "group", "attributes"),
)
LABELS = {"sku": "id", "photos": "additional_image_url"}  # what people call these fields


@dataclass(frozen=True)
class Options:
    """What somebody says about a file, in place of what it says itself or where it is silent."""

    format: str = ""  # a key of FORMATS; "" detects it
    columns: Mapping[str, str] = field(default_factory=dict)  # headers in the file by field
    currency: str = ""  # a code, for prices without a currency
    base_url: str = ""  # the shop's address, for pictures and links without a host

    @classmethod
    def of(
        cls, format: str = "", columns: Iterable[str] = (), currency: str = "", base_url: str = ""
    ) -> "Options":
        """The options that people wrote; columns such as "name=Nom". Raises InvalidCatalogFile."""
        pairs = {}
        fields = {label: name for name, label in LABELS.items()}
        for text in columns:
            name, mark, header = text.partition("=")
            name = name.strip().lower()
            if not (name and mark and header.strip()):
                raise InvalidCatalogFile(
                    sentence(
                        "'%(text)s' names no column. Write FIELD=HEADER, such as name=Nom.",
                        text=excerpt(text, 2 * EXCERPT),
                    )
                )
            pairs[fields.get(name, name)] = header.strip()
        try:
            currency = currency_code(currency) if currency else ""
            base_url = address(base_url) if base_url else ""
        except InvalidValue as error:
            raise InvalidCatalogFile(*error.args) from error
        return cls(format, pairs, currency, base_url)


NO_OPTIONS = Options()
MAX_KEPT = 200 * 2**20  # bytes that a format keeps of some rows for others
KEPT_OVERHEAD = 200  # bytes for each time, in dictionaries and the like


@dataclass(frozen=True)
class Row:
    """One product of a file: its values, or the error that makes it unreadable."""

    line: int  # as an editor counts; the first one where it spans several lines
    sku: str  # "" where it can't be read
    values: Values = field(default_factory=dict)
    error: str = ""  # in the language of whoever reads the file
    note: str = ""  # what somebody should know about a row that is imported
    loses_lines: bool = False  # whether its error took other rows of the file with it
    changes_at: datetime | None = None  # when its sale begins or ends, if that is still to come


@dataclass(frozen=True, slots=True)
class Draft:
    """A row, or the product made of it: texts by field, to which no rule was applied yet.

    A field that the file does not have is missing; one that is empty there is "".
    """

    line: int
    texts: Mapping[str, Any]
    error: Sentence | None = None
    # Texts of columns that somebody chose for fields of `FIELDS` that the format has no column for.
    # They take precedence over what the format makes of its own columns.
    chosen: Mapping[str, str] = field(default_factory=dict)
    loses_lines: bool = False  # as in Row
    changes_at: datetime | None = None  # as in Row

    def __getitem__(self, name: str) -> str:
        """The text of a field, "" where there is none."""
        text: str = self.texts.get(name, "")
        return text

    def numbered(self, name: str) -> Mapping[int, str]:
        """The texts of a field whose header has a `#`, without empty ones."""
        texts: Mapping[int, str] = self.texts.get(name, {})
        return texts

    def but(self, **texts: Any) -> "Draft":
        """The same with other texts."""
        merged = {**self.texts, **texts}
        return Draft(self.line, merged, self.error, self.chosen, self.loses_lines, self.changes_at)


class Keeper:
    """Counts what a format keeps of some rows for others."""

    def __init__(self) -> None:
        self._left = MAX_KEPT

    def keep(self, *texts: str) -> None:
        """Count these texts. Raises InvalidCatalogFile where that is too much for one file."""
        self._left -= KEPT_OVERHEAD + sum(map(getsizeof, texts))
        if self._left < 0:
            raise InvalidCatalogFile(
                sentence(
                    "The file has too many products with variants, or too long texts in them. "
                    "Export it in parts."
                )
            )


def in_column(name: str, problem: Sentence | Exception | str) -> Sentence:
    """A problem, after the name of its column."""
    return sentence("%(column)s: %(problem)s", column=name, problem=problem)


@dataclass(frozen=True)
class Format:
    """How one kind of file describes products."""

    title: str | Promise  # as people call it
    columns: Mapping[str, tuple[str, ...]]
    needed: tuple[str, ...]
    products: Callable[[Iterable[Draft]], Iterator[Draft]] = iter
    # Headers by field, from the header and the first rows; none if the file has another format.
    find_columns: Callable[[Sequence[str], Sequence[Record]], Mapping[str, str]] | None = None
    # Of products.csv alone, which people write by hand: an empty cell leaves a field as it is, a
    # name may have angle brackets, and a picture's path is that of a file.
    is_own: bool = False
