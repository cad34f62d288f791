"""Serves an example shop, which uses the search of another host and keeps a strict policy.

    CORS_ALLOWED_ORIGINS=http://127.0.0.1:8001 make run
    python3 docs/examples/shop/serve.py

`--port` and `--search` name another port and the address of another search. The shop sells what is
in the demo catalog. Its pages are the `.html` files in this folder: `page.html` is around each of
them and has all that the search needs.
"""

import argparse
import csv
from collections.abc import Callable
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from urllib.parse import parse_qs, urlsplit

SHOP = Path(__file__).resolve().parent
CATALOG = SHOP.parents[2] / "fixtures"
SEARCH = "http://127.0.0.1:8000"
PORT = 8001
# What the shop allows; `$search` is the host of the search. Nothing is inline, nothing evaluated.
POLICY = Template(
    "default-src 'none'; script-src 'self' $search; connect-src $search;"
    " img-src 'self' $search; style-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
KINDS |= {".jpg": "image/jpeg"}
STOCK = {
    "in_stock": "In stock, with you in two days",
    "out_of_stock": "Out of stock",
    "preorder": "Available for pre-order",
    "backorder": "Available again soon",
}

Product = dict[str, str]


class Shop:
    """The shop's pages and files, by path; `search` is the origin of the search's host."""

    def __init__(self, search: str = SEARCH, *, language: str = "en") -> None:
        self.search = search
        self.language = language
        self.policy = POLICY.substitute(search=search)
        with (CATALOG / "products.csv").open(encoding="utf-8") as file:
            self.products = {row["id"]: row for row in csv.DictReader(file)}

    def home(self, words: str) -> str:
        """The products that have all of the words in their name, brand or category."""
        wanted = words.casefold().split()
        found = [
            product
            for product in self.products.values()
            if all(word in _text_of(product) for word in wanted)
        ]
        cards = "".join(_filled("card", product) for product in found)
        content = _filled(
            "home",
            {
                "title": words or "New this week",
                "count": "1 product" if len(found) == 1 else f"{len(found)} products",
            },
            cards=cards,
        )
        return self._page("Well-made things", content, words)

    def product(self, sku: str) -> str:
        """A product's page. Raises KeyError if there is none."""
        product = self.products[sku]
        colour = product["attributes"].removeprefix("colour=")
        facts = {"colour": colour, "stock": STOCK[product["availability"]]}
        return self._page(product["name"], _filled("product", product | facts, self.search))

    def file(self, path: str) -> tuple[str, bytes]:
        """The media type and the bytes of a file of the shop. Raises KeyError if there is none."""
        folder = CATALOG if path.startswith("/images/") else SHOP
        file = (folder / path.lstrip("/")).resolve()
        if file.suffix not in KINDS or not file.is_relative_to(folder) or not file.is_file():
            raise KeyError(path)
        return KINDS[file.suffix], file.read_bytes()

    def _page(self, title: str, content: str, words: str = "") -> str:
        direction = "rtl" if self.language == "ar" else "ltr"
        values = {"title": title, "words": words, "language": self.language, "direction": direction}
        return _filled("page", values, self.search, content=content)


def _text_of(product: Product) -> str:
    return f"{product['name']} {product['brand']} {product['category']}".casefold()


def _filled(name: str, values: Product, search: str = "", **markup: str) -> str:
    """A template of this folder with values, which are escaped, and markup, which is not."""
    safe = {key: escape(value) for key, value in values.items()}
    if "price" in safe:
        safe["price"] = _price(values)
    template = Template((SHOP / f"{name}.html").read_text(encoding="utf-8"))
    return template.substitute(safe, search=search, **markup)


def _price(product: Product) -> str:
    if product["sale_price"]:
        return f"<s>${product['price']}</s> <strong>${product['sale_price']}</strong>"
    return f"${product['price']}"


def handler(shop: Shop) -> type[BaseHTTPRequestHandler]:
    """Answers requests to the shop."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            parts = url.path.strip("/").split("/")
            try:
                if url.path == "/":
                    self._answer(shop.home, parse_qs(url.query).get("q", [""])[0])
                elif len(parts) == 2 and parts[0] == "products":
                    self._answer(shop.product, parts[1])
                else:
                    self._send(HTTPStatus.OK, *shop.file(url.path))
            except KeyError:
                self._send(HTTPStatus.NOT_FOUND, "text/plain", b"There is nothing here.")

        def _answer(self, page: Callable[[str], str], argument: str) -> None:
            self._send(HTTPStatus.OK, "text/html; charset=utf-8", page(argument).encode())

        def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", shop.policy)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing of each request."""

    return Handler


def main() -> None:
    parser = argparse.ArgumentParser(description="Serves the example shop.")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--search", default=SEARCH, help=f"where the search is ({SEARCH})")
    parser.add_argument("--language", default="en", help="of the pages: en, or ar for Arabic")
    options = parser.parse_args()
    shop = Shop(options.search.rstrip("/"), language=options.language)
    with ThreadingHTTPServer(("127.0.0.1", options.port), handler(shop)) as server:
        origin = f"http://127.0.0.1:{server.server_port}"
        print(f"The shop is on {origin} - Ctrl-C stops it.")
        print(f"The search needs CORS_ALLOWED_ORIGINS={origin}.")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
