"""Serves the API's schema, and adds what /api/docs/ shows beside it: an introduction and examples.

Fields are described where they are defined. The examples are together here because all of them
are about one product of the demo catalog and one search.
"""

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.utils.text import slugify
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

Schema = dict[str, Any]

LOCAL = f"http://127.0.0.1:8000{settings.URL_PREFIX}"
SHOP = f"https://shop.example{settings.URL_PREFIX}"
INTRODUCTION = f"""\
A photo goes in, the products that look like it come out, best first.

```sh
curl -F file=@photo.jpg {LOCAL}/api/search/
curl "{LOCAL}/api/search/?query=product-11&threshold=0.5"
```

The answer's `query.id` is valid for an hour: repeat the search with it, with other options and
without the photo. Reading needs no key. Only staff may write, with `Authorization: Token …`; make a
token with `manage.py drf_create_token NAME`.

A refused request gets a status of 400 or above and JSON: one sentence as `detail`, or a list of
sentences for each wrong field.
"""
TAGS = {
    "search": "Find products by a photo, by the address of one, or by a product.",
    "products": "The catalog: everybody may read it, staff keep it up to date.",
    "categories": "The categories of the products.",
    "map": "All products, placed so that similar ones are close together.",
    "widget": "What the shop's own pages need to embed the search.",
}

NUMBERS = "12,15"
# By the name of the field or parameter; with its component's name where names have two meanings.
EXAMPLES: dict[str, Any] = {
    "id": 11,
    "sku": "court-sneaker-chalk",
    "name": "Court Sneaker, Chalk",
    "category": "Shoes",
    "price": 54.9,
    "sale_price": 49.9,
    "currency": "USD",
    "brand": "Corvo",
    "group": "court-sneaker",
    "availability": "in_stock",
    "attributes": {"colour": "chalk", "size": "42"},
    "link": "https://shop.example/court-sneaker-chalk",
    "url": f"{SHOP}/products/11/",
    "image_src": f"{SHOP}/media/pictures/a0/a01eda1d.jpg",
    "thumbnail_src": f"{SHOP}/media/thumbnails/a0/a01eda1d.jpg",
    "photo_srcs": [f"{SHOP}/media/pictures/b1/b12fd0c2.jpg"],
    "image_url": "https://shop.example/photo.jpg",
    "photos": ["https://shop.example/photo-2.jpg"],
    "image": "(the file)",
    "active": True,
    "embedding_status": "failed",
    "embedding_error": "This is not a picture we can read.",
    "refetch_error": "The server answered 404 for this address.",
    "RefetchRequest.skus": ["mug-42", "mug-43"],
    "pictures": 1,
    "unknown": ["mug-43"],
    "detail": "Not found.",
    # searching
    "file": "(the file)",
    "product": 11,
    "crop": "0.1,0.2,0.5,0.5",
    "query": "product-11",
    "threshold": 0.5,
    "limit": 24,
    "page": 1,
    "min_price": 10,
    "max_price": 49.9,
    "ordering": "price",
    "more": NUMBERS,
    "less": NUMBERS,
    "q": "sneaker chalk",
    "search": "sneaker chalk",
    "group_of": 11,
    "collapse": "group",
    # the answer to a search
    "score": 0.885755,
    "Match.more": 4,
    "value": "in_stock",
    "match": "very close",
    "count": 2,
    "embedder": "efficientnet_lite0-86da84c0",
    "QueryFacts.id": "7bOonluHzj9n-FQd",
    "QueryFacts.crop": [0.1, 0.2, 0.5, 0.5],
    "QueryFacts.more": [12, 15],
    "QueryFacts.less": [7],
    "CategoryCount.name": "Shoes",
    "min": 54.9,
    "max": 56.9,
    "IndexFacts.products": 50,
    "generation": 812725474,
    "Band.name": "very close",
    "least": 0.87,
    "decode": 4.98,
    "embed": 9.78,
    "rank": 2.94,
    "total": 18.41,
    # why a product matches (two of the 49 regions), and the map
    "look": 0.871204,
    "colour": 0.613342,
    "regions": [[0.012071, 0.020414]],
    "frame": [0.0625, 0, 0.875, 1],
    "Map.total": 50,
    "shown": 50,
    "categories": ["Clothing", "Shoes"],
    "points": [[11, 0.4012, 0.7318, 1]],
    # the widget
    "language": "de",
    "words": {
        "close": "Schließen",
        "wait": {
            "one": "Bitte versuchen Sie es in {wait} Sekunde noch einmal.",
            "other": "Bitte versuchen Sie es in {wait} Sekunden noch einmal.",
        },
    },
    # the catalog
    "Category.id": 3,
    "Category.name": "Shoes",
    "Category.products": 10,
    "next": f"{SHOP}/api/products/?page=3",
    "previous": f"{SHOP}/api/products/",
    "delete": ["court-sneaker-forest"],
    "status": "unchanged",
    "errors": {"price": ["A valid number is required."]},
    "Location": f"{SHOP}/api/products/11/",
}


class SchemaView(SpectacularAPIView):
    """The schema, made once by each process. It has one version and one language."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        renderer = request.accepted_renderer
        schema = _rendered(type(renderer))  # type: ignore[arg-type]  # classes are hashable
        response = HttpResponse(schema, f"{renderer.media_type}; charset=utf-8")
        name = slugify(settings.SHOP_NAME) or "openapi"
        response["Content-Disposition"] = f'inline; filename="{name}.{renderer.format}"'
        return response


@cache
def _rendered(renderer: Any) -> bytes:
    """The schema, as one of the renderer classes of `SchemaView` writes it."""
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    schema = generator.get_schema(public=True)  # type: ignore[no-untyped-call]
    rendered: bytes = renderer().render(schema, renderer_context={})
    return rendered


def describe(result: Schema, **_: Any) -> Schema:
    """The schema with an introduction, descriptions of its tags, and examples."""
    result["info"]["description"] = INTRODUCTION
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    for name, component in result["components"]["schemas"].items():
        is_tried = name != "SearchRequest"  # a request sends only some of its fields
        for field, schema in component.get("properties", {}).items():
            if "$ref" not in schema:
                _exemplify(f"{name}.{field}", schema, schema, is_tried=is_tried)
    operations = [operation for path in result["paths"].values() for operation in path.values()]
    for operation in operations:
        for parameter in operation.get("parameters", ()):
            is_tried = parameter.get("required", False)
            _exemplify(parameter["name"], parameter, parameter["schema"], is_tried=is_tried)
    return result


def _exemplify(place: str, told: Schema, schema: Schema, *, is_tried: bool) -> None:
    """Add an example; as text in the description where Swagger UI would otherwise send it."""
    example = EXAMPLES.get(place, EXAMPLES.get(place.rpartition(".")[2], schema.get("example")))
    if example is None:
        return
    schema.pop("example", None)
    if is_tried:
        schema["example"] = example
    elif "such as" not in told["description"].lower():
        told["description"] += f" Such as `{example}`."
