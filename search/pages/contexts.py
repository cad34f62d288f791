"""What the templates of the pages are given."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.core.paginator import Paginator
from django.http import QueryDict

from catalog.models import Product
from search.api.intake import answer_to
from search.api.requests import DEFAULTS
from search.pages.demo_photos import demo_photos
from search.pages.shown_photos import shown_photo
from search.queries.query import Query
from search.service import Answer, Options

KEPT = ("query", "crop", "more", "less", "limit")  # of the address, beside what the filters say
SIMILAR = Options(threshold=-1.0, limit=8)  # look-alikes on a product's page; none is counted
CHEAPER = replace(DEFAULTS, threshold=0.5, limit=4)
CENT = Decimal("0.01")


def empty_context() -> dict[str, Any]:
    """Of the search page without a question."""
    return {
        "answer": None,
        "error": "",
        "options": DEFAULTS,
        "demo_photos": demo_photos,
        "samples": _samples,
    }


def found_context(answer: Answer, address: QueryDict) -> dict[str, Any]:
    """Of the search page with what was found."""
    options = answer.options
    matched = {category.name for category in answer.facets.categories}
    prices = (options.min_price, options.max_price)
    return {
        "answer": answer,
        "options": options,
        "filtered": options.categories or prices != (None, None),
        "kept": {name: address[name] for name in KEPT if address.get(name)},
        "photo": shown_photo(answer.query),
        "page": Paginator(range(answer.count), options.limit).get_page(options.page),
        "unmatched": [name for name in options.categories if name not in matched],
        **_products(answer.query),
    }


def product_context(product: Product, query: Query) -> dict[str, Any]:
    """Of a product's page: its look-alikes, and those that cost less in the same currency."""
    cheaper = None
    if product.price > 0:
        cheaper = answer_to(query, replace(CHEAPER, max_price=product.price - CENT))
        same = [each for each in cheaper.matches if each.product.currency == product.currency]
        cheaper = replace(cheaper, matches=same)
    return {"answer": answer_to(query, SIMILAR), "cheaper": cheaper}


def _samples() -> list[Product]:
    """A mixed handful of the newest products; a template calls this where it shows them."""
    pictured = Product.objects.filter(active=True).exclude(image="").select_related("category")
    return list(pictured.order_by("-pk")[:48:8])


def _products(query: Query) -> dict[str, Any]:
    """The products that a query is about: what it was moved by, and what it started from."""
    own = (query.product,) if query.product else ()
    products = Product.objects.in_bulk([*query.more, *query.less, *own])
    votes = {"more": query.more, "less": query.less}
    steered = {name: [products[pk] for pk in ids if pk in products] for name, ids in votes.items()}
    return {
        "steered": steered if query.more or query.less else {},
        "liked": products.get(query.product or 0),
    }
