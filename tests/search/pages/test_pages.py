from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from django.views.defaults import bad_request, permission_denied, server_error

from catalog.models import Category, Product
from tests.conftest import FIXTURES, MakeProduct, Picture

Ask = Callable[..., Any]
Tag = tuple[str, dict[str, str | None]]

FRAGMENT = {"X-Fragment": "1"}


class Markup(HTMLParser):
    """The tags of a page, and the text inside its scripts."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.tags: list[Tag] = []
        self.script = ""
        self.feed(response.content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.script += data.strip()

    def named(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture
def mugs(make_product: MakeProduct, picture: Picture) -> list[Product]:
    """Three mugs and a plain card without a picture."""
    mugs = [make_product(f"Mug {i}", category="Mugs", image=picture(i)) for i in range(3)]
    return [*mugs, make_product("Plain card", category="Paper", image=None)]


@pytest.fixture
def ask(client: Client, picture: Picture) -> Ask:
    """Posts a photo and follows to its results."""

    def send(*, seed: int = 0, threshold: float = 0.7, headers: Any = None, **options: Any) -> Any:
        photo = SimpleUploadedFile("photo.jpg", picture(seed))
        given = {"file": photo, "threshold": threshold}
        response = client.post("/", given, follow=True, headers=headers)
        if not options:
            return response
        query = response.context["answer"].query.id
        return client.get("/", {"query": query, "threshold": threshold, **options}, headers=headers)

    return send


@pytest.fixture
def every_page(client: Client, mugs: list[Product], ask: Ask) -> list[Any]:
    """All kinds of pages with products on them."""
    return [
        *(client.get(path) for path in ("/", "/products/", "/products/?q=none", "/gone")),
        *(client.get(product.get_absolute_url()) for product in (mugs[0], mugs[-1])),
        *(ask(threshold=threshold) for threshold in (0, 1)),
        ask(seed=9, threshold=1),
        ask(threshold=0, limit=2, category="Paper"),
        client.post("/", {"file": SimpleUploadedFile("photo.jpg", b"no picture")}),
    ]


def test_renders_without_any_product(client: Client, db: None) -> None:
    for path in ("/", "/products/"):
        assert client.get(path).status_code == 200
    assert "There are no products yet." in client.get("/products/").content.decode()


def test_offers_products_to_start_from(client: Client, mugs: list[Product]) -> None:
    html = client.get("/").content.decode()
    assert f'href="/?query=product-{mugs[2].pk}"' in html
    assert "Plain card" not in html


def test_searches_with_a_demo_photo_where_its_product_is_sold(
    client: Client, make_product: MakeProduct
) -> None:
    image = (FIXTURES / "images" / "11-court-sneaker-chalk.jpg").read_bytes()
    make_product("Court Sneaker, Chalk", image=image)
    (photo,) = [
        each["value"]
        for each in Markup(client.get("/")).named("button")
        if each.get("name") == "sample"
    ]
    response = client.post("/", {"sample": photo}, follow=True)
    assert response.context["answer"].count == 1
    assert client.post("/", {"sample": "../images/11-court-sneaker-chalk.jpg"}).status_code == 400


def test_shows_what_looks_like_a_photo(mugs: list[Product], ask: Ask) -> None:
    response = ask(threshold=0)
    html = response.content.decode()
    assert response.redirect_chain[0][0].startswith("/?query=")
    assert html.index("Mug 0") < min(html.index("Mug 1"), html.index("Mug 2"))
    meters = Markup(response).named("meter")
    percents = [meter["value"] for meter in meters if "value" in meter]
    assert percents == [str(match.percent) for match in response.context["answer"].matches]
    assert "data:image/jpeg;base64," in html


def test_shades_what_the_network_did_not_see(mugs: list[Product], ask: Ask) -> None:
    assert ask(threshold=0).context["photo"].seen == (0, 0, 1, 1)
    cropped = ask(threshold=0, crop="0.5,0.5,0.5,0.25")
    assert cropped.context["photo"].seen == pytest.approx((0.5, 0.5, 0.5, 0.25), abs=0.01)
    (path,) = [each for each in Markup(cropped).named("path") if "fill-rule" in each]
    assert str(path["d"]).startswith("M0 0H1V1H0ZM0.5")


def test_steers_by_links_that_take_themselves_back(mugs: list[Product], ask: Ask) -> None:
    first, second = mugs[1].pk, mugs[2].pk
    response = ask(threshold=0, limit=2, page=2, more=f"{first},{second}")
    links = {link["id"]: link["href"] for link in Markup(response).named("a") if "id" in link}
    assert f"more={first}&" in f"{links[f'more-{second}']}&"
    assert {f"more={first}", f"less={second}"} <= set(str(links[f"less-{second}"]).split("&"))
    assert not [link for link in links.values() if "page=" in str(link)]
    assert [product.pk for product in response.context["steered"]["more"]] == [first, second]


def test_keeps_the_search_beside_the_filters(mugs: list[Product], ask: Ask) -> None:
    response = ask(threshold=0, more=mugs[1].pk, crop="0,0,0.5,0.5")
    hidden = {
        each["name"]: each["value"]
        for each in Markup(response).named("input")
        if each.get("type") == "hidden"
    }
    assert (hidden["more"], hidden["crop"]) == (str(mugs[1].pk), "0,0,0.5,0.5")


def test_offers_cheaper_look_alikes_in_the_same_currency(
    client: Client, make_product: MakeProduct, picture: Picture
) -> None:
    own = make_product("Mug", price="10", image=picture(1))
    make_product("Cheaper", price="9.99", image=picture(1))
    make_product("Same price", price="10", image=picture(1))
    make_product("Elsewhere", price="9", image=picture(1), currency="JPY")
    cheaper = client.get(own.get_absolute_url()).context["cheaper"]
    assert [match.product.name for match in cheaper.matches] == ["Cheaper"]


def test_gives_a_script_the_results_alone(mugs: list[Product], ask: Ask) -> None:
    response = ask(threshold=0, headers=FRAGMENT)
    assert "Mug 0" in response.content.decode()
    assert not Markup(response).named("html", "main")
    assert "X-Fragment" in response["Vary"]


def test_shows_the_closest_apart_where_nothing_is_close_enough(
    mugs: list[Product], ask: Ask
) -> None:
    html = ask(seed=9, threshold=1).content.decode()
    assert "Nothing close enough" in html
    assert html.index('class="nearest"') < html.index("Mug 0")


def test_leads_from_nothing_to_what_is_similar_and_away_from_filters(
    mugs: list[Product], ask: Ask
) -> None:
    def ways(**options: Any) -> list[str | None]:
        page = ask(threshold=1, **options)
        assert page.context["answer"].count == 0
        links = Markup(page).named("a")
        return [link["href"] for link in links if str(link.get("class")).startswith("button")]

    part = "0,0,0.9,0.9"  # of the photo of a mug, so that it is similar
    (similar,) = ways(crop=part)
    assert "threshold=0.7" in str(similar)
    assert ways(crop="0,0,0.1,0.1") == []
    in_sheet, similar, without = ways(crop=part, category="Mugs")
    assert "threshold=0.7" in str(similar)
    assert "category=Mugs" in str(similar)
    assert "threshold=1" in str(without)
    assert "category" not in str(without)
    assert in_sheet == without


def test_numbers_in_attributes_are_for_programs_in_every_language(
    mugs: list[Product], ask: Ask
) -> None:
    given = {"threshold": 0.05, "min_price": "1.50", "max_price": "99.25", "crop": "0,0,0.5,0.5"}
    names = {
        *("value", "min", "max", "step", "d", "width", "height"),
        *("href", "data-score", "data-crop"),
    }

    def numbers(language: str) -> list[Any]:
        page = ask(headers={"Accept-Language": language}, **given)
        assert page["Content-Language"] == language
        return [{n: each[n] for n in names & each.keys()} for _, each in Markup(page).tags]

    assert numbers("en") == numbers("de")


def test_keeps_a_chosen_category_that_has_no_match(mugs: list[Product], ask: Ask) -> None:
    boxes = Markup(ask(threshold=0, category="Paper")).named("input")
    chosen = [box["value"] for box in boxes if "checked" in box]
    assert chosen == ["Paper"]


def test_links_to_the_next_page_with_all_options(mugs: list[Product], ask: Ask) -> None:
    links = Markup(ask(threshold=0, limit=2, category="Mugs")).named("a")
    (following,) = [link["href"] for link in links if link.get("rel") == "next"]
    assert following is not None
    for option in ("query=", "threshold=0", "limit=2", "category=Mugs", "page=2"):
        assert option in following


@pytest.mark.parametrize("headers", [None, FRAGMENT])
def test_says_what_is_wrong_with_a_photo(client: Client, db: None, headers: Any) -> None:
    photo = SimpleUploadedFile("photo.jpg", b"no picture")
    response = client.post("/", {"file": photo}, headers=headers)
    assert response.status_code == 400
    assert "This is not a picture we can read." in response.content.decode()


def test_finds_products_by_name_and_category(client: Client, mugs: list[Product]) -> None:
    html = client.get("/products/", {"q": "plain", "category": "Paper"}).content.decode()
    assert "Plain card" in html
    assert "Mug 0" not in html


def test_leads_to_the_shop_from_cards_and_product_pages(
    client: Client, make_product: MakeProduct, picture: Picture
) -> None:
    own = make_product("Mug", image=picture(1), link="https://shop.example/mug?a=1&b=2")
    make_product("Cup", image=picture(1), link="javascript:alert(1)")  # older than the rule
    pages = ("/products/", f"/?query=product-{own.pk}&threshold=0", own.get_absolute_url())
    for path in pages:
        html = client.get(path).content.decode()
        assert html.count("View in shop") == (path != pages[1]), path  # no search finds itself
        assert "javascript:" not in html
    link = next(
        each
        for each in Markup(client.get("/products/")).named("a")
        if "shop.example" in each["href"]
    )
    assert link["href"] == "https://shop.example/mug?a=1&b=2"
    assert (link["target"], link["rel"]) == ("_top", "noopener")


def test_shows_a_product_without_a_picture(client: Client, mugs: list[Product]) -> None:
    response = client.get(mugs[-1].get_absolute_url())
    assert "This product has no picture." in response.content.decode()
    assert not Markup(response).named("img")


def test_escapes_markup_in_names(
    client: Client, make_product: MakeProduct, picture: Picture, ask: Ask
) -> None:
    name, category = "<script>alert(1)</script>", '"><b onclick=alert(1)>'
    make_product("Mug", category=category, image=picture(1))
    product = make_product(name, category=category, image=picture(0), sku="<b>1</b>")
    for response in (
        *(client.get(path) for path in ("/", "/products/", product.get_absolute_url())),
        client.get("/products/", {"q": name, "category": category}),
        *(ask(threshold=threshold, category=category) for threshold in (0, 1)),
    ):
        html = response.content.decode()
        assert "&lt;script&gt;alert(1)" in html
        assert name not in html
        assert not Markup(response).named("b")


def test_has_no_style_script_or_handler_inside_a_page(every_page: list[Any]) -> None:
    for response in every_page:
        markup = Markup(response)
        attributes = {name for _, attributes in markup.tags for name in attributes}
        assert not markup.named("style")
        assert not markup.script
        assert not [name for name in attributes if name == "style" or name.startswith("on")]


def test_gives_every_picture_its_size_and_a_text(every_page: list[Any]) -> None:
    pictures = [img for response in every_page for img in Markup(response).named("img")]
    assert pictures
    assert all({"src", "width", "height", "alt"} <= img.keys() for img in pictures)


def test_labels_every_field_and_repeats_no_id(every_page: list[Any]) -> None:
    for response in every_page:
        markup = Markup(response)
        ids = [attributes["id"] for _, attributes in markup.tags if "id" in attributes]
        labelled = {label.get("for") for label in markup.named("label")}
        fields = [
            field["id"]
            for field in markup.named("input", "select")
            if field.get("type") not in ("hidden", "checkbox")
        ]
        assert len(ids) == len(set(ids))
        assert labelled.issuperset(fields)


@pytest.mark.parametrize("count", [1, 30])
def test_lists_products_with_three_queries(
    client: Client, db: None, count: int, django_assert_num_queries: Any
) -> None:
    category = Category.objects.create(name="Mugs")
    for i in range(count):
        Product.objects.create(sku=str(i), name=f"Mug {i}", category=category, price=1)
    with django_assert_num_queries(3):
        client.get("/products/", {"category": "Mugs"})
    with django_assert_num_queries(2):
        client.get("/")


def test_has_a_page_for_what_went_wrong(client: Client, rf: RequestFactory, db: None) -> None:
    request = rf.get("/")
    assert "This page is gone" in client.get("/products/1/").content.decode()
    assert "Our mistake" in server_error(request).content.decode()
    assert "did not understand" in bad_request(request, ValueError()).content.decode()
    assert "not open to you" in permission_denied(request, ValueError()).content.decode()


def test_searches_without_a_token_or_a_cookie(mugs: list[Product]) -> None:
    client = Client(enforce_csrf_checks=True)
    page = client.get("/")
    answer = client.post("/", {"product": mugs[0].pk}, headers={"Origin": "https://shop.example"})
    assert answer.status_code == 302
    assert client.get(answer["Location"]).status_code == 200
    assert "csrfmiddlewaretoken" not in page.content.decode()
    assert not client.cookies


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(
            ("POST", path)
            for path in ("/products/", "/products/1/", "/map/", "/healthz", "/metrics")
        ),
        ("POST", "/media/pictures/a.jpg"),
        ("PUT", "/"),
        ("DELETE", "/products/"),
    ],
)
def test_method_that_a_page_does_not_have_is_no_matter_of_tokens(method: str, path: str) -> None:
    assert Client(enforce_csrf_checks=True).generic(method, path).status_code == 405


@pytest.mark.parametrize(
    "odd",
    [{"path": "/products/?q=%00"}, {"path": "/", "SERVER_NAME": "elsewhere.example"}],
    ids=repr,
)
def test_refuses_odd_requests(odd: dict[str, str], client: Client, db: None) -> None:
    assert client.get(**odd).status_code == 400


def test_filters_by_category_however_its_name_is_written(
    client: Client, mugs: list[Product]
) -> None:
    page = client.get("/products/?category=MUGS")
    assert [product.category.name for product in page.context["page"]] == ["Mugs"] * 3
    assert "<option selected>Mugs</option>" in page.content.decode()
    found = client.get(
        f"/?query=product-{mugs[0].pk}&threshold=0&category=%20mugs"
    ).content.decode()
    assert 'value="Mugs" checked' in found
    assert 'value=" mugs"' not in found


def test_names_no_category_that_only_hidden_products_have(
    client: Client, mugs: list[Product], make_product: MakeProduct
) -> None:
    make_product(category="Secret", active=False)
    for page in ("/products/?category=secret", f"/?query=product-{mugs[0].pk}&category=secret"):
        assert "Secret" not in client.get(page).content.decode()
