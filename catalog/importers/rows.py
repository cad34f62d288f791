"""What a row of a catalog file says about a product, and giving it to the product."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from unicodedata import category

from django.core.exceptions import ValidationError

from catalog.importers.formulas import unescape
from catalog.models import Category, Product
from catalog.pictures.fields import NewPicture

COLUMNS = ("id", "name", "category", "image_url", "price")
OPTIONAL = ("currency", "link", "active")
NEVER_EMPTY = ("id", "name", "category", "price")
YES = ("1", "true", "yes", "on")
NO = ("0", "false", "no", "off")


class InvalidCatalogFile(Exception):
    """The file can't be read as a catalog at all; the message says what is wrong with it."""


@dataclass(frozen=True)
class Row:
    """One product as a file has it. What the file leaves empty is not among the `fields`."""

    sku: str
    category: str
    fields: Mapping[str, object]  # by the product's names

    @property
    def source(self) -> str:
        """Where the picture is: an http(s) address, a path, or "" where the row says nothing."""
        return str(self.fields.get("image_url", ""))

    def agrees(self, product: Product) -> bool:
        """Whether the product says all that already."""
        same = all(getattr(product, name) == value for name, value in self.fields.items())
        return same and product.category.name == self.category


def check_header(cells: Sequence[object]) -> list[str]:
    """The names of the columns. Raises InvalidCatalogFile where one lacks or is there twice."""
    names = [text_of(cell).lower() for cell in cells]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise InvalidCatalogFile(
            f"The header lacks {', '.join(missing)}. It must be: {','.join(COLUMNS)}"
        )
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise InvalidCatalogFile(f"The header has {', '.join(twice)} more than once.")
    return names


def read_row(cells: Mapping[str, object]) -> Row:
    """A row by its columns; cells of a spreadsheet may be numbers. Raises ValidationError."""
    texts = {name: text_of(cells.get(name)) for name in (*COLUMNS, *OPTIONAL)}
    # Only controls and what was no UTF-8: joiners, soft hyphens and the like belong to names.
    if any(category(letter) in ("Cc", "Cs") for text in texts.values() for letter in text):
        raise ValidationError("The row has control characters, or is not UTF-8.")
    empty = [name for name in NEVER_EMPTY if not texts[name]]
    if empty:
        raise ValidationError(f"{', '.join(empty)} must not be empty.")
    given = {name: reader(texts[name]) for name, reader in _READERS.items() if texts[name]}
    return Row(texts["id"], texts["category"], given)


def fill(product: Product, row: Row, category: Callable[[str], Category]) -> set[str]:
    """Give the product what the row says; the names of the fields that it changed.

    `category` gives one by its name. Raises ValidationError.
    """
    changed = {name for name, value in row.fields.items() if getattr(product, name) != value}
    for name in changed:
        setattr(product, name, row.fields[name])
    product.clean_fields(exclude=_NOT_IN_FILES)
    if product.category_id is None or product.category.name != row.category:
        product.category = category(row.category)
        changed.add("category")
    return changed


def save(product: Product, changed: set[str], picture: NewPicture | None) -> None:
    """Save a filled product with its new picture; of one that was there, only what changed."""
    if picture is not None:
        product.image = picture
        changed = changed | {"image", "image_source_digest"}
    product.save(update_fields=None if product.pk is None else {*changed, "updated_at"})


def named_category(name: str) -> Category:
    """The category of this name, made where there is none. Raises ValidationError."""
    try:
        Category(name=name).clean_fields()
    except ValidationError as error:
        raise ValidationError({"category name": error.messages}) from error
    return Category.objects.get_or_create(name=name)[0]


def sentence(error: ValidationError) -> str:
    """All that is wrong, each part after the name of its column."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    parts = ((_COLUMN.get(name, name), texts) for name, texts in error.message_dict.items())
    return " ".join(f"{name}: {' '.join(texts)}" for name, texts in parts)


def text_of(cell: object) -> str:
    """What a cell says, where a spreadsheet may have numbers and escaped formulas."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():  # a spreadsheet's 17 may be 17.0
        cell = int(cell)
    return unescape(str(cell).strip())


def _price(text: str) -> Decimal:
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite():
        raise ValidationError({"price": f"{text[:40]!r} is not a number, such as 19.99."})
    return price


def _truth(text: str) -> bool:
    if text.lower() not in YES + NO:
        raise ValidationError({"active": f"{text[:40]!r} is neither yes nor no."})
    return text.lower() in YES


_READERS: Mapping[str, Callable[[str], object]] = {
    "name": str,
    "image_url": str,
    "price": _price,
    "currency": str,
    "link": str,
    "active": _truth,
}
_COLUMN = {"sku": "id"}
_NOT_IN_FILES = {"category", "image", *Product.EMBEDDING_COLUMNS}
