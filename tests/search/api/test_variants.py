"""Variants, availability and words in the search API: what it refuses, and what it answers."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Product
from tests.conftest import MakeProduct, Picture

Ask = Callable[..., list[Any]]


@pytest.fixture
def mug(make_product: MakeProduct, picture: Picture) -> Product:
    """The mug that is searched with; beside it, three shirts, two cups of one picture, a tray."""
    shirt: dict[str, Any] = {"category": "Clothes", "group": "shirt", "brand": "Café_Rosé"}
    for size, price, sale_price in (("S", "30", None), ("M", "40", "20"), ("L", "50", None)):
        stock = "out_of_stock" if size == "S" else "in_stock"
        fields = shirt | {"price": price, "sale_price": sale_price, "availability": stock}
        make_product(f"Shirt {size}", sku=f"shirt-{size}", image=picture(1), **fields)
    for name in ("Cup", "Cup of 100% clay"):
        make_product(name, price="5", image=picture(2), availability="preorder")
    make_product("Tray", price="60", image=picture(3))
    return make_product("Mug", image=picture(4))


@pytest.fixture
def ask(client: Client, mug: Product) -> Ask:
    """Asks the same in each way that takes these options; the responses."""

    def send(**options: Any) -> list[Any]:
        given = {"threshold": 0} | options
        return [
            client.post("/api/search/", {"product": mug.pk} | given),
            client.get("/api/search/", {"query": f"product-{mug.pk}"} | given),
            client.get(f"/api/products/{mug.pk}/similar/", given),
        ]

    return send


def answer(ask: Ask, **options: Any) -> Any:
    """What the API answers, in whatever way it is asked."""
    answers = [response.json() for response in ask(**options)]
    for each in answers:
        del each["timings_ms"]
    assert answers[0] == answers[1] == answers[2]
    return answers[0]


def names(found: Any) -> set[str]:
    return {match["name"] for match in found["results"]}


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"availability": "sold"}, "Use in_stock, out_of_stock, preorder or backorder."),
    ({"availability": ["in_stock", ""]}, "Item 2: Use in_stock"),
    ({"availability": ["in_stock"] * 5}, "no more than 4"),
    ({"q": " ".join("abcdefghijklmnopqrstu")}, "The maximum is 20 words."),
    ({"q": "a" * 201}, "no more than 200 characters"),
    ({"q": "mug\0"}, "Null characters are not allowed."),
    ({"collapse": "picture"}, "Use none or group."),
    ({"group_of": "shirt"}, "integer"),
    ({"group_of": 0}, "greater than or equal to 1"),
    ({"group_of": 2**63}, "less than or equal to"),
)


def test_refuses_what_an_option_can_not_be(ask: Ask) -> None:
    for options, sentence in REFUSED:
        for response in ask(**options):
            assert response.status_code == 400, options
            assert response.json().keys() == options.keys()
            (sentences,) = response.json().values()
            assert sentence in sentences[0]


def test_collapsed_answer_leads_to_what_it_leaves_out(ask: Ask) -> None:
    every = answer(ask)
    assert every == answer(ask, collapse="none")
    assert (every["count"], {match["more"] for match in every["results"]}) == (6, {0})
    collapsed = answer(ask, collapse="group")
    assert collapsed["count"] == len(collapsed["results"]) == 3
    for match in collapsed["results"]:
        members = answer(ask, group_of=match["id"], collapse="group")
        assert members["count"] == len(members["results"]) == match["more"] + 1
        assert {each["more"] for each in members["results"]} == {0}
        assert {each["group"] for each in members["results"]} == {match["group"]}
        assert match["id"] in {each["id"] for each in members["results"]}
    assert {match["more"] for match in collapsed["results"]} == {2, 1, 0}
    pages = [answer(ask, collapse="group", limit=1, page=page) for page in (1, 2, 3, 4)]
    assert [page["count"] for page in pages] == [3, 3, 3, 3]
    assert [match for page in pages for match in page["results"]] == collapsed["results"]


def test_facets_count_groups_where_results_do(ask: Ask) -> None:
    every, collapsed = answer(ask)["facets"], answer(ask, collapse="group")["facets"]
    assert every["price"] == collapsed["price"] == {"min": 5.0, "max": 60.0}
    for facets, clothes, home, stock in ((every, 3, 3, (3, 1, 2)), (collapsed, 1, 2, (2, 1, 1))):
        assert facets["category"] == [
            {"name": "Clothes", "count": clothes},
            {"name": "Home", "count": home},
        ]
        values = ("in_stock", "out_of_stock", "preorder")
        assert facets["availability"] == [
            {"value": value, "count": count} for value, count in zip(values, stock, strict=True)
        ]


def test_options_narrow_each_other(ask: Ask) -> None:
    shirts = answer(ask, q="shirt", collapse="group", ordering="price")
    (match,) = shirts["results"]
    assert (match["name"], match["price"], match["sale_price"]) == ("Shirt M", 40.0, 20.0)
    assert (match["brand"], match["availability"], match["more"]) == ("Café_Rosé", "in_stock", 2)
    assert shirts["facets"]["price"] == {"min": 20.0, "max": 50.0}
    stock = answer(ask, q="shirt", collapse="group", availability="in_stock", max_price=30)
    assert (names(stock), stock["results"][0]["more"]) == ({"Shirt M"}, 0)
    assert stock["facets"]["price"] == {"min": 20.0, "max": 50.0}, "but for its own filter"
    counts = [each["count"] for each in stock["facets"]["availability"]]
    assert counts == [1, 1], "one group, of which products are in stock and sold out"
    both = answer(ask, availability=["out_of_stock", "preorder"])
    assert names(both) == {"Shirt S", "Cup", "Cup of 100% clay"}
    large = answer(ask, group_of=match["id"], q="cafe l", min_price=45)
    assert names(large) == {"Shirt L"}
    nothing = answer(ask, group_of=match["id"], q="tray")
    assert (nothing["count"], nothing["results"], nothing["nearest"]) == (0, [], [])
    assert nothing["facets"] == {
        "category": [],
        "price": {"min": None, "max": None},
        "availability": [],
    }


def test_words_are_looked_for_as_they_are(ask: Ask) -> None:
    clay, shirts = {"Cup of 100% clay"}, {"Shirt S", "Shirt M", "Shirt L"}
    for words, found in (
        *(("%", clay), ("100%", clay), ("_", shirts), ("É_ROSE", shirts), ("a_b", set())),
        *(("\\", set()), ("'", set()), ("clo shirt-m", {"Shirt M"}), ("cup clothes", set())),
    ):
        assert names(answer(ask, q=words)) == found, words
    assert answer(ask, q=" ")["count"] == answer(ask, q=",")["count"] == 6


def test_group_of_no_visible_product_is_empty(
    ask: Ask, make_product: MakeProduct, picture: Picture, mug: Product
) -> None:
    tray = Product.objects.get(name="Tray")
    assert names(answer(ask, group_of=tray.pk)) == {"Tray"}
    assert answer(ask, group_of=mug.pk)["count"] == 0, "it is what is searched with"
    unread = make_product("Without a picture")
    hidden = make_product("Hidden shirt", group="shirt", active=False)
    twin = make_product("Hidden cup", image=picture(2), active=False)
    for pk in (unread.pk, hidden.pk, twin.pk, 10**6):
        found = answer(ask, group_of=pk)
        assert (found["count"], found["nearest"]) == (0, []), pk


def test_search_with_a_variant_finds_the_others_only_where_asked(
    client: Client, mug: Product
) -> None:
    small, medium, large = Product.objects.filter(group="shirt").order_by("pk")
    url = f"/api/products/{small.pk}/similar/?threshold=0"
    assert client.get(url).json()["count"] == 6
    collapsed = client.get(f"{url}&collapse=group").json()
    assert names(collapsed) & {small.name, medium.name, large.name} == set()
    assert collapsed["count"] == 3
    variants = client.get(f"{url}&collapse=group&group_of={small.pk}").json()
    assert names(variants) == {medium.name, large.name}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL keeps vectors elsewhere")
def test_words_are_looked_for_without_reading_past_the_vectors(ask: Ask) -> None:
    with CaptureQueriesContext(connection) as captured:
        answer(ask, q="shirt")
    looks = [query["sql"] for query in captured if "PLAIN(" in query["sql"]]
    assert len(looks) == 3
    with connection.cursor() as cursor:
        (plan, *_) = cursor.execute(f"EXPLAIN QUERY PLAN {looks[0]}").fetchall()
    assert "COVERING INDEX product_words" in str(plan)
