"""What the templates of the pages are given."""

from dataclasses import dataclass, replace
from decimal import Decimal
from io import BytesIO
from typing import Any

from django.core.paginator import Paginator
from django.http import QueryDict
from PIL import Image

from catalog.models import Availability, Product
from catalog.pictures.stored import accepted_types
from search.api.explain import data_url
from search.api.intake import answer_to, http_errors
from search.api.serializers import DEFAULTS
from search.pages.demo_photos import demo_photos
from search.pages.variants import labels_of
from search.queries.query import Crop, Query, preview_of
from search.service import Answer, Options

# Parameters of the address that the filter form repeats as hidden fields.
KEPT = ("query", "crop", "more", "less", "limit", "group_of", "collapse")
# Look-alikes on a product's page, however distant.
SIMILAR = Options(threshold=-1.0, limit=8, collapse=True)
CHEAPER = replace(DEFAULTS, threshold=0.5, limit=4, collapse=True)
CENT = Decimal("0.01")
SAMPLES, NEWEST = 6, 48  # products shown, spread over so many of the newest ones for variety


@dataclass(frozen=True)
class ShownPhoto:
    """The photo beside the results: all of it, with what the network did not see in shade."""

    url: str  # a data: URL
    width: int  # in pixels
    height: int
    seen: Crop  # what the network saw
    is_cropped: bool

    @property
    def is_whole(self) -> bool:
        """Whether the network saw all of it but a margin that nobody would miss."""
        return min(self.seen[2:]) > 0.97

    @property
    def shade(self) -> str:
        """An SVG path over what the network did not see, one unit wide and high."""
        x, y, width, height = (f"{number:.4f}" for number in self.seen)
        return f"M0 0H1V1H0ZM{x} {y}h{width}v{height}h-{width}Z"


def empty_context() -> dict[str, Any]:
    """For the search page before a search."""
    return {
        "answer": None,
        "error": "",
        "options": DEFAULTS,
        "photo_types": accepted_types(),
        "demo_photos": demo_photos,
        "samples": _samples,
    }


def found_context(answer: Answer, address: QueryDict, client: str) -> dict[str, Any]:
    """For the search page with what this client's search found. Raises APIException."""
    query, options = answer.query, answer.options
    matched = {category.name for category in answer.facets.categories}
    # The products that the query started from, and that it was moved towards or away from.
    ids = [*query.more, *query.less, *([query.product] if query.product else [])]
    products = Product.objects.in_bulk(ids)
    stock = dict.fromkeys(options.availabilities, 0)
    stock |= {each.value: each.count for each in answer.facets.availabilities}
    has_choice = bool(stock.keys() - {Availability.IN_STOCK})
    shown = [match.product for match in answer.matches]
    votes = {"more": query.more, "less": query.less}
    steered = {name: [products[pk] for pk in ids if pk in products] for name, ids in votes.items()}
    return {
        "answer": answer,
        "options": options,
        "filters": count_filters(options),
        "has_similar": any(each.score >= answer.bands.similar for each in answer.nearest),
        "kept": {name: address[name] for name in KEPT if address.get(name)},
        "photo": shown_photo(query, client),
        "page": Paginator(range(answer.count), options.limit).get_page(options.page),
        "availabilities": [
            (value, words, stock[value])
            for value, words in Availability.choices
            if has_choice and value in stock
        ],
        "labels": {} if options.group_of is None else labels_of(shown),
        "grouped": Product.objects.filter(active=True, pk=options.group_of).first(),
        "unmatched": [name for name in options.categories if name not in matched],
        "steered": steered if query.more or query.less else {},
        "liked": products.get(query.product or 0),
    }


def count_filters(options: Options) -> int:
    """How many filters narrow the results; a range of prices is one."""
    has_price = (options.min_price, options.max_price) != (None, None)
    return len(options.categories) + len(options.availabilities) + bool(options.q) + has_price


def product_context(product: Product, query: Query) -> dict[str, Any]:
    """For a product's page: look-alikes, and those that cost less in the same currency.

    Raises APIException.
    """
    cheaper = None
    if product.selling_price > 0:
        cheaper = answer_to(query, replace(CHEAPER, max_price=product.selling_price - CENT))
        same = [each for each in cheaper.matches if each.product.currency == product.currency]
        cheaper = replace(cheaper, matches=same)
    return {"answer": answer_to(query, SIMILAR), "cheaper": cheaper}


def shown_photo(query: Query, client: str) -> ShownPhoto | None:
    """The photo of a query, None for a product or a photo that is no longer kept.

    Raises APIException.
    """
    if query.product is not None:
        return None
    with http_errors():
        preview = preview_of(query.id, client=client)
    if not preview:
        return None
    with Image.open(BytesIO(preview)) as picture:
        width, height = picture.size
    return ShownPhoto(data_url(preview), width, height, query.frame, query.crop is not None)


def _samples() -> list[Product]:
    """A mixed handful of the newest products; a template calls this where it shows them."""
    pictured = Product.objects.filter(active=True).exclude(image="").select_related("category")
    newest = pictured.order_by("-pk")[:NEWEST]
    different = list({product.group or product.image.name: product for product in newest}.values())
    return different[:: max(1, len(different) // SAMPLES)][:SAMPLES]
