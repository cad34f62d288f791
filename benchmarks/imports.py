"""How fast, and in how much memory, are catalog files imported?

    python benchmarks/imports.py [ROWS [FILE ...]]
    python tests/postgres.py python benchmarks/imports.py [ROWS [FILE ...]]

Writes a file of ROWS products (20,000 unless told otherwise) in each format, with the address of a
picture for each, and imports it three times, each time in a process of its own: into an empty
catalog, again, and with other prices. Messages to workers go to a queue that nobody reads, so no
picture is fetched. "photos.csv" is products.csv with two further photos for each product. Rows a
second are by the clock and, in brackets, by the processor time of the importing process alone.
"""

import csv
import os
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from xml.sax.saxutils import escape

from shop import clerks, manage, new_shop

ROWS = 20_000
VARIANTS = 4  # of a product, in the formats of shop systems
CATEGORIES = 200
SHOP = "https://shop.example"
Cells = Iterable[object]


@dataclass(frozen=True)
class Item:
    """A product that a file describes."""

    number: int
    price: str

    def __str__(self) -> str:
        return f"sku-{self.number}"

    @property
    def group(self) -> str:
        return f"group-{self.number // VARIANTS}"

    @property
    def is_first(self) -> bool:
        return self.number % VARIANTS == 0

    @property
    def name(self) -> str:
        return f"Stoneware Mug & Saucer {self.number // VARIANTS}"

    @property
    def category(self) -> str:
        return f"Kitchen > Range {self.number // VARIANTS % CATEGORIES}"

    @property
    def size(self) -> str:
        return "SMLX"[self.number % VARIANTS]

    @property
    def picture(self) -> str:
        return f"{SHOP}/pictures/{self.number}.jpg"

    @property
    def link(self) -> str:
        return f"{SHOP}/products/mug-{self.number}"


def products(item: Item) -> Cells:
    values = (item, item.name, item.category, item.picture, item.price, "EUR", item.link)
    return (*values, item.group, "in stock", "Studio Nord", f"size={item.size}")


def photos(item: Item) -> Cells:
    sku, name, category, picture, *rest = products(item)
    pictures = " ".join([str(picture), *(f"{SHOP}/pictures/{item.number}-{n}.jpg" for n in (1, 2))])
    return (sku, name, category, pictures, *rest)


def shopify(item: Item) -> Cells:
    first = (item.name, "Studio Nord", item.category.rpartition(" > ")[2], "true", "active")
    shared = first if item.is_first else ("",) * len(first)
    return (item.group, *shared, "Size", item.size, item, item.price, item.picture, item.picture)


def woocommerce(item: Item) -> Cells:
    kind, parent = (
        ("variable", "") if item.is_first else ("variation", f"sku-{item.number // 4 * 4}")
    )
    price = "" if item.is_first else item.price
    shared = (item.name, 1, price, 1, item.category, item.picture, parent)
    return (item.number + 1, kind, item, *shared, "Size", item.size)


def magento(item: Item) -> Cells:
    variants = [Item(item.number + step, "") for step in range(1, VARIANTS)]
    listed = "|".join(f"sku={variant},size={variant.size}" for variant in variants)
    kind = (
        ("configurable", "Catalog, Search")
        if item.is_first
        else (
            "simple",
            "Not Visible Individually",
        )
    )
    category = f"Default Category/{item.category.replace(' > ', '/')}"
    pictures = (f"/m/u/{item.number}.jpg", f"/m/u/{item.number}.jpg,/m/u/{item.group}.jpg")
    attributes = f"size={item.size},manufacturer=Studio Nord"
    values = (item, "", kind[0], category, item.name, 1, kind[1], item.price, item.link[30:])
    return (*values, *pictures, attributes, 10, 1, listed if item.is_first else "")


def google(item: Item) -> Cells:
    price = f"{item.price} EUR"
    values = (item, item.name, "Holds coffee, and tea.", item.link, item.picture, "in_stock", price)
    return (*values, "Studio Nord", item.category, item.group, item.size)


GOOGLE = (
    *("id", "title", "description", "link", "image_link", "availability", "price", "brand"),
    *("product_type", "item_group_id", "size"),
)
OWN = (
    *("id", "name", "category", "image_url", "price", "currency", "link", "group"),
    *("availability", "brand", "attributes"),
)
# Header and cells by the file's name.
FILES: dict[str, tuple[tuple[str, ...], Callable[[Item], Cells]]] = {
    "products.csv": (OWN, products),
    "photos.csv": (OWN, photos),
    "products.xlsx": (OWN, products),
    "shopify.csv": (
        (
            *("Handle", "Title", "Vendor", "Type", "Published", "Status", "Option1 Name"),
            *("Option1 Value", "Variant SKU", "Variant Price", "Image Src", "Variant Image"),
        ),
        shopify,
    ),
    "woocommerce.csv": (
        (
            *("ID", "Type", "SKU", "Name", "Published", "Regular price", "In stock?"),
            *("Categories", "Images", "Parent", "Attribute 1 name", "Attribute 1 value(s)"),
        ),
        woocommerce,
    ),
    "magento.csv": (
        (
            *("sku", "store_view_code", "product_type", "categories", "name", "product_online"),
            *("visibility", "price", "url_key", "base_image", "additional_images"),
            *("additional_attributes", "qty", "is_in_stock", "configurable_variations"),
        ),
        magento,
    ),
    "google.tsv": (GOOGLE, google),
    "google.xml": (GOOGLE, google),
}


def main(rows: int, names: Iterable[str]) -> None:
    database = os.environ.get("DATABASE_URL", "")
    with tempfile.TemporaryDirectory() as folder:
        settings = {"DATABASE_URL": database, "CELERY_BROKER_URL": "memory://nobody"}
        environment = new_shop(Path(folder), **settings)
        kind = "PostgreSQL" if database.startswith("postgres") else "SQLite"
        print(f"{rows:,} rows, {kind}; rows a second by the clock (by processor time), peak memory")
        for name in names:
            manage(environment, "flush", "--no-input", "-v0")
            path = Path(folder, name)
            write(path, rows, cents=90)
            said = [f"{name:16}"]
            for phase in ("new", "unchanged", "changed"):
                if phase == "changed":
                    write(path, rows, cents=95)
                with clerks(environment) as clerk:
                    said.append(f"{phase} {clerk.submit(measure, path, phase).result()}")
            print(", ".join(said), flush=True)
            path.unlink()


def write(path: Path, rows: int, *, cents: int) -> None:
    """A file of products whose prices have these cents."""
    header, cells_of = FILES[path.name]
    items = (Item(number, f"{10 + number // VARIANTS % 90}.{cents}") for number in range(rows))
    table = map(cells_of, items)
    if path.suffix == ".xlsx":
        from openpyxl import Workbook

        book = Workbook(write_only=True)
        sheet = book.create_sheet()
        for cells in (header, *table):
            sheet.append([str(cell) for cell in cells])
        book.save(path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".xml":
            file.writelines(_elements(header, table))
        else:
            writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writerow(header)
            writer.writerows(table)


def _elements(header: Iterable[str], table: Iterable[Cells]) -> Iterator[str]:
    names = list(header)
    yield '<?xml version="1.0"?><rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>'
    for cells in table:
        pairs = zip(names, cells, strict=True)
        values = (f"<g:{name}>{escape(str(cell))}</g:{name}>" for name, cell in pairs)
        yield f"<item>{''.join(values)}</item>\n"
    yield "</channel></rss>"


def measure(path: Path, phase: str) -> str:
    """Import the file, in a process of the shop."""
    from catalog.importers import Options, import_products

    options = Options.of(currency="EUR", base_url=SHOP)
    started, busy = perf_counter(), process_time()
    results = import_products(path, options=options)
    counts = Counter(result.status for result in results)
    wall, busy = perf_counter() - started, process_time() - busy
    rows = counts.total()
    done = {"new": "created", "changed": "updated"}.get(phase, phase)
    if counts[done] < 0.7 * rows:
        raise SystemExit(f"{path.name}: {dict(counts)}")
    return f"{rows / wall:,.0f} ({rows / busy:,.0f}) {_peak():.0f} MiB"


def _peak() -> float:
    """The most memory that this process has had, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS, sys.argv[2:] or FILES)
