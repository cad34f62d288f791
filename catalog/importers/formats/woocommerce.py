"""WooCommerce's product CSV, in the languages of its export.

Each row is a product or, with the type `variation`, a variant of the product that it names as its
parent, before or after that one's row.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from catalog.importers.formats.contract import Draft, Format, Keeper
from catalog.importers.sales import Cheapest, amount_of, is_lower, is_running, next_change
from catalog.importers.tables import Record
from catalog.messages import sentence
from catalog.values import MAX_TEXT, InvalidValue

# English, then German, French, Spanish, Italian, Dutch, Portuguese (Brazil), Japanese, Polish,
# Swedish and Russian, as exports in public repositories have them.
COLUMNS = {
    "type": ("Type",),  # others are found by their values, which are not translated
    "product_id": ("ID",),
    "sku": ("SKU", "Artikelnummer", "UGS", "COD", "Артикул"),
    "name": ("Name", "Nom", "Nombre", "Nome", "Naam", "名前", "Nazwa", "Namn", "Имя"),
    "active": (
        *("Published", "Veröffentlicht", "Publié", "Publicado", "Pubblicato", "Gepubliceerd"),
        *("公開済み", "Opublikowano", "Publicerad", "Опубликован"),
    ),
    "visibility": (
        *("Visibility in catalog", "Sichtbarkeit im Katalog", "Visibilité dans le catalogue"),
        *("Visibilidad en el catálogo", "Visibilità nel catalogo", "Zichtbaarheid in catalogus"),
        *("Visibilidade no catálogo", "カタログでの表示", "Widoczność w katalogu"),
        *("Synlighet i katalog", "Видимость в каталоге"),
    ),
    "sale_starts": (
        *("Date sale price starts", "Datum, an dem Angebotspreis beginnt"),
        *("Date de début de promo", "Día en que empieza el precio rebajado"),
        *("Data di partenza del prezzo in saldo", "Startdatum actieprijs"),
        *("Data de preço promocional começa em", "セール価格の開始日"),
        *("Data rozpoczęcia promocji", "Datum när reapriset börjar"),
        *("Дата начала действия продажной цены",),
    ),
    "sale_ends": (
        *("Date sale price ends", "Datum, an dem Angebotspreis endet", "Date de fin de promo"),
        *("Día en que termina el precio rebajado", "Termine data del prezzo di vendita"),
        *("Einddatum actieprijs", "Data de preço promocional termina em", "セール価格の終了日"),
        *("Data zakończenia promocji", "Datum när reapriset upphör"),
        *("Дата окончания действия продажной цены",),
    ),
    "availability": (
        *("In stock?", "Vorrätig?", "En stock ?", "En stock?", "¿Existencias?", "¿En inventario?"),
        *("Op voorraad?", "Em estoque?", "在庫の有無", "W magazynie?", "I lager?", "В наличии?"),  # noqa: RUF001
    ),
    "stock": (
        *("Stock", "Lager", "Lagerbestand", "Inventario", "Magazzino", "Voorraad", "Estoque"),
        *("在庫", "Stan magazynowy", "Lagersaldo", "Запасы"),
    ),
    "backorders": (
        *("Backorders allowed?", "Lieferrückstande erlaubt?", "Lieferrückstände erlaubt?"),
        *("Autoriser les commandes de produits en rupture ?", "Abilita gli ordini arretrati?"),
        *("¿Permitir reservas de productos agotados?", "Nabestellingen toestaan?"),
        *("São permitidas encomendas?", "お取り寄せを許可する ?", "Tillåt restnoteringar?"),
        *("Задержанный заказ возможен?", "Возможен ли предзаказ?"),
    ),
    "sale_price": (
        *("Sale price", "Angebotspreis", "Tarif promo", "Precio rebajado", "Prezzo in offerta"),
        *("Actieprijs", "Preço promocional", "セール価格", "Cena promocyjna", "Reapris"),
        *("Цена распродажи",),
    ),
    "price": (
        *("Regular price", "Regulärer Preis", "Tarif régulier", "Precio normal"),
        *("Prezzo di listino", "Reguliere prijs", "Preço", "標準価格", "Cena", "Ordinarie pris"),
        *("Базовая цена",),
    ),
    "category": (
        *("Categories", "Kategorien", "Catégories", "Categorías", "Categorie", "Categorieën"),
        *("Categorias", "カテゴリー", "Kategorie", "Kategorier", "Категории"),
    ),
    "image_url": (
        *("Images", "Bilder", "Imágenes", "Immagine", "Immagini", "Afbeeldingen", "Imagens"),
        *("画像", "Obrazki", "Изображения"),
    ),
    "parent": (
        *("Parent", "Übergeordnetes Produkt", "Superior", "Genitore", "Hoofd", "Ascendente"),
        *("親", "Element nadrzędny", "Родительский"),
    ),
    "link": (
        *("External URL", "Externe URL", "URL externe", "URL externa", "URL esterna"),
        *("URL esterno", "外部 URL", "Внешний URL"),
    ),
    "brand": ("Brands", "Marken", "Marques", "Marcas", "Merken"),
    "attribute_names": (
        *("Attribute # name", "Attribut # Name", "Nom de l\u2019attribut #", "Nom de l'attribut #"),
        *("Nombre del atributo #", "Attributo # nome", "Naam eigenschap #", "Nome do atributo #"),
        *("Имя атрибута #",),
    ),
    "attribute_values": (
        *("Attribute # value(s)", "Attribut # Wert(e)", "Valeur(s) de l\u2019attribut #"),
        *("Valeur(s) de l'attribut #", "Valor(es) del atributo #", "Attributo # valuta(e)"),
        *("Attributo # valore(i)", "Waarde eigenschap #", "Valores do atributo #"),
        *("Значение(-я) аттрибута(-ов) #",),
    ),
}
TYPES = {"simple", "variable", "variation", "grouped", "external"}
TYPE = re.compile(r"[a-z][a-z_-]*(, [a-z][a-z_-]*)*")
COMMA = re.compile(r"(?<!\\),")  # one inside an item is written as \\,
INHERITED = ("name", "category", "image_url", "brand", "link")  # where a variation has none
SEPARATOR = "\n"  # which no text of a cell has
FLAGS = {"1": "yes", "0": "no", "-1": "no", "2": "no"}  # public, private, draft, pending


def find_columns(header: Sequence[str], sample: Sequence[Record]) -> Mapping[str, str]:
    """The column with the type, by its values."""
    for place, name in enumerate(header):
        cells = [record.cells[place] for record in sample if place < len(record.cells)]
        texts = [str(cell).strip() for cell in cells if str(cell).strip()]
        known = sum(not TYPES.isdisjoint(text.split(", ")) for text in texts)
        if known * 2 > len(texts) and all(map(TYPE.fullmatch, texts)):
            return {"type": name}
    return {}


def products(rows: Iterable[Draft]) -> Iterator[Draft]:
    """A draft for each row; a parent completes its variations, and they give it their price."""
    parents: dict[int, str] = {}  # what variations inherit, by the hashes of SKU and id
    keeper = Keeper()
    cheapest = Cheapest()  # by the parent's name
    for row in rows:
        if "variable" in row["type"]:
            product = _product(row)
            names = ("sku", "active", *INHERITED)
            parent = SEPARATOR.join(product[name][: MAX_TEXT + 1] for name in names)
            keeper.keep(parent)
            parents[hash(product["sku"])] = parents[hash(f"id:{row['product_id']}")] = parent
        elif "variation" in row["type"]:
            with suppress(InvalidValue):
                cheapest.add(row["parent"], **_prices(row))
    for row in rows:
        try:
            product = _product(row).but(**_prices(row))
        except InvalidValue as error:
            reason = sentence("The dates of the sale: %(problem)s", problem=error)
            product = replace(row, error=row.error or reason)
        if changes_at := next_change(row["sale_starts"], row["sale_ends"]):
            product = replace(product, changes_at=changes_at)
        if "variation" in row["type"]:
            parent = parents.get(hash(row["parent"]), f"{row['parent']}{SEPARATOR}")
            group, active, *inherited = parent.split(SEPARATOR)
            pairs = zip(INHERITED, inherited, strict=False)
            texts = {name: product[name] or text for name, text in pairs if text}
            hidden = {"active": "no"} if active == "no" else {}
            product = product.but(group=group, **texts, **hidden)
        elif "variable" in row["type"]:
            product = product.but(group=product["sku"])
            if not product["price"]:
                product = product.but(**cheapest.of(row["sku"], f"id:{row['product_id']}"))
        elif "grouped" in row["type"] and not product["price"]:
            reason = sentence(
                "A grouped product has no price of its own. The products in it are imported."
            )
            product = replace(product, error=product.error or reason)
        yield product


def _product(row: Draft) -> Draft:
    """The product in a row, as far as the row alone tells."""
    by_id = row["product_id"] and "variation" not in row["type"]  # only products have a page
    hidden = row["visibility"].lower() == "hidden"
    texts: dict[str, Any] = {
        "sku": row["sku"] or (row["product_id"] and f"id:{row['product_id']}"),
        "group": "",
        "category": max(_items(row["category"]), key=lambda path: path.count(">"), default=""),
        "link": row["link"] or (f"?p={row['product_id']}" if by_id else ""),
        "active": "no" if hidden else FLAGS.get(row["active"], row["active"]),
        "availability": _availability(row),
    }
    if "image_url" in row.texts:
        texts["image_url"], *texts["photos"] = _items(row["image_url"]) or [""]
    if "brand" in row.texts:
        texts["brand"] = next(iter(_items(row["brand"])), "").rpartition(">")[2].strip()
    if "attribute_values" in row.texts:
        names = row.numbered("attribute_names")
        values = row.numbered("attribute_values").items()
        texts["attributes"] = {
            names[place]: ", ".join(_items(text)) for place, text in values if place in names
        }
    return row.but(**texts)


def _prices(row: Draft) -> dict[str, str]:
    """The price and today's sale price, "" where there is none. Raises InvalidValue."""
    regular, sale = row["price"] or row["sale_price"], row["sale_price"]
    is_sale = is_lower(sale, regular) and is_running(row["sale_starts"], row["sale_ends"])
    return {"price": regular, "sale_price": sale if is_sale else ""}


def _availability(row: Draft) -> str:
    """Whether a product can be bought, "" where the file does not say it."""
    amount = amount_of(row["stock"])  # there is none with "parent"
    if row["availability"] or amount is None:
        return row["availability"]
    if amount > 0:
        return "in_stock"
    return "backorder" if row["backorders"].lower() in ("1", "yes", "notify") else "out_of_stock"


def _items(text: str) -> list[str]:
    """The items of a list; older exports have a bar between them."""
    parts = COMMA.split(text) if COMMA.search(text) else text.split("|")
    return [item for part in parts if (item := part.replace("\\,", ",").strip())]


FORMAT = Format("WooCommerce", COLUMNS, ("type", "name", "price"), products, find_columns)
