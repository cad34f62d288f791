"""Every text of the admin's pages can be translated: in the pseudo-language it is in brackets."""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from django.utils import timezone

from catalog.api.errors import server_error
from catalog.embedding.columns import ALWAYS_DUE, NEVER, STOPPED_WORKER
from catalog.messages import sentence
from catalog.models import Feed, FeedRun, Product, ProductPhoto
from catalog.vectors import to_bytes
from search.demand.models import Searched
from search.doctor.models import Examined, Finding, Kind, State, Subject
from search.evaluation.models import keep
from search.evaluation.report import Latency, Report, Sizes
from search.evaluation.tables import Table, Worst
from search.evaluation.text import as_json
from search.evaluation.views import CHANGES, MEASURES, PAIRS, STAGES
from search.ranking.measures import Figure
from tests.catalog.admin.files import HEADER, MUG, csv_file
from tests.conftest import MakeProduct, Picture
from tests.pseudo import texts_outside

PRODUCTS, FEEDS, FINDINGS = "/admin/catalog/product/", "/admin/catalog/feed/", "/admin/doctor/"
LETTER = re.compile(r"[^\W\d_]")
# Of the shop below, and what is the same in every language.
DATA = re.compile(
    r"Becher(?: \(m\d\))?|Haushalt|Geschirr|Acme|m\d|Rot|Mug|Home|efficientnet_lite0-\w+|old-1|"
    r"visualsearch|EUR|USD|admin\b|(?:pictures/[/\w]+|shop|products)\.(?:jpg|csv)|"
    r"products\.csv|Shopify|Magento 2|WooCommerce|csv|xlsx|"  # formats
    r"(?<=\()[a-z_]+(?=\))|"  # columns of an export
    r'{"name": "#photos".*|'  # what Django's script reads, as JSON
    r"English|Deutsch|[Ff]rançais|[Ee]spañol|日本語|العربية"
)
DJANGO = {"Search", "True", "False"}  # alternative texts of icons that it does not translate
LISTS = (
    *("/admin/", "/admin/catalog/", PRODUCTS, f"{PRODUCTS}?q=x", FEEDS, "/admin/catalog/category/"),
    *(f"{PRODUCTS}?state={state}" for state in ("missing", "failed", "nothing")),
)
FORMS = (
    *(f"{PRODUCTS}add/", f"{PRODUCTS}1/delete/", f"{PRODUCTS}export/", f"{PRODUCTS}import/"),
    *(f"{PRODUCTS}progress/", f"{FEEDS}add/", f"{FEEDS}1/change/", f"{FEEDS}1/delete/"),
    *("/admin/catalog/category/add/", "/admin/catalog/category/1/delete/"),
    *("/admin/nowhere/", "/admin/quality/", "/admin/demand/"),
    *(FINDINGS, f"{FINDINGS}?state=dismissed", f"{FINDINGS}?product=1", f"{FINDINGS}1/merge/"),
)
ACTIONS = ("delete_selected", "retry", "embed_again", "refetch", "hide", "show")


@pytest.fixture
def shop(make_product: MakeProduct, picture: Picture) -> list[Product]:
    """Products whose pictures are in every state, a feed, findings, searches and an evaluation."""
    products = [
        make_product(
            "Becher", sku=f"m{number}", category="Haushalt", image=picture(number), brand="Acme"
        )
        for number in range(1, 9)
    ]
    url = "https://shop.example/1.jpg"
    for product, columns in zip(
        products,
        (
            {"sale_price": "5", "image_url": url, "refetch_at": NEVER},
            {"embedding_status": "failed", "embedding_error": STOPPED_WORKER},
            {"embedding_status": "failed", "embedding_due_at": ALWAYS_DUE},
            {"embedding_status": "pending", "availability": "preorder"},
            {"embedding_status": "pending", "image": "", "image_url": url},
            {"embedding_status": "pending", "image": ""},
            {"embedder": "old-1", "active": False},
            {"image_url": url, "refetch_error": STOPPED_WORKER},
        ),
        strict=True,
    ):
        Product.objects.filter(pk=product.pk).update(**columns)
    ProductPhoto.objects.create(product=products[0])
    feed = Feed.objects.create(name="Geschirr", upload=csv_file(MUG), upload_name="shop.csv")
    FeedRun.objects.create(feed=feed, state="finished", ended_at=timezone.now())
    first = products[0]
    for kind in Kind:
        category = first.category if kind == Kind.CATEGORY else None
        finding = Finding.objects.create(kind=kind, measure=0.9, category=category)
        for product in products[: 2 if kind == Kind.DUPLICATE else 1]:
            name = str(product.image)
            Subject.objects.create(finding=finding, product=product, image=name)
    Finding.objects.create(kind=Kind.TINY, measure=160, state=State.DISMISSED)
    Examined.objects.create()
    wish = -np.frombuffer(Product.objects.defer(None).get(pk=first.pk).embedding or b"", "<f4")
    for number in range(3):
        Searched.objects.create(
            embedder=first.embedder, vector=to_bytes(wish), best=0.1, day=timezone.localdate(),
            photo=str(number), client=str(number),
        )  # fmt: skip
    keep(as_json(report(first)))
    return products


def report(product: Product) -> Report:
    """A report with everything that the page can show."""
    figure = Figure(0.5, 0.4, 0.6, 1)
    tables = {
        order: Table(dict.fromkeys(MEASURES, figure), {
            name: dict.fromkeys(MEASURES, figure) for name in CHANGES
        })
        for order in ("plain", "tuned")
    }  # fmt: skip
    worst = Worst(product.pk, 0.5, [*CHANGES], [product.pk])
    limits = {"exact": 0.9, "very close": 0.8, "similar": 0.5, "loosely related": None}
    return Report(
        embedder=product.embedder,
        products=1,
        sizes=Sizes(),
        notes=[sentence("The tuned order is not measured. %(reason)s", reason="")],
        order="tuned",
        same_product=tables,
        same_kind=tables,
        limits=limits,
        bands={kind: dict.fromkeys(limits, 0.25) for kind in PAIRS},
        milliseconds=dict.fromkeys(STAGES, Latency(1.5, 2.5)),
        worst_products=[worst],
        worst_kinds=[worst],
    )


def bare_texts(response: Any) -> set[str]:
    """The texts of a page that nobody can translate."""
    texts = {*texts_outside(response.content.decode())} - DJANGO
    return {text for text in texts if LETTER.search(DATA.sub("", text))}


@pytest.mark.usefixtures("pseudo_language")
def test_every_text_of_the_admin_can_be_translated(
    admin_client: Client, shop: list[Product], settings: Any
) -> None:
    ask, settings.DEMAND_DAYS = admin_client, 30
    assert ask.get(FINDINGS).context["total"] == len(Kind)
    assert ask.get("/admin/demand/").context["board"].wishes
    found = {}

    def look(what: str, response: Any, columns: Iterable[str] = ()) -> None:
        if bare := bare_texts(response) - {*columns}:
            found[what] = bare

    for path in (*LISTS, *FORMS, *(f"{PRODUCTS}{product.pk}/change/" for product in shop)):
        look(path, ask.get(path))
    for action in ACTIONS:
        form = {"action": action, "_selected_action": [1, 8]}
        look(action, ask.post(PRODUCTS, form, follow=True))
    look(
        "a row that can't exist", ask.post(PRODUCTS, form | {"_selected_action": "x"}, follow=True)
    )
    photos = {"photos-TOTAL_FORMS": "0", "photos-INITIAL_FORMS": "0"}
    look("an empty product", ask.post(f"{PRODUCTS}add/", photos))
    look("an empty feed", ask.post(f"{FEEDS}add/", {}))
    for text in ("€", "9" * 300):
        wrong = dict.fromkeys(("sku", "name", "price", "attributes", "link", "currency"), text)
        look(f"a product of {text[:1]}", ask.post(f"{PRODUCTS}add/", photos | wrong))
    look("a category twice", ask.post("/admin/catalog/category/add/", {"name": "haushalt"}))
    look("a new category", ask.post("/admin/catalog/category/add/", {"name": "Rot"}, follow=True))
    for row in (MUG, [""] * len(MUG)):
        file = SimpleUploadedFile("shop.csv", csv_file(row))
        page = ask.post(f"{PRODUCTS}import/", {"import_file": file})
        columns = (f"{name} ({value})" for name, value in zip(HEADER, row, strict=True))
        look(f"an import of {row}", page, columns=(*HEADER, *columns))
    for path in ("test", "run"):
        look(path, ask.post(f"{FEEDS}1/{path}/", follow=True), columns=HEADER)
    look("a merge of nothing", ask.post(f"{FINDINGS}1/merge/", {"revisions": "x"}))
    seen = ask.get(f"{FINDINGS}1/merge/").context["form"].initial["revisions"]
    look("a merge", ask.post(f"{FINDINGS}1/merge/", {"revisions": seen, "keep": 1}, follow=True))
    for state in State:
        form = {"which": "shown", "shown": [2, 3], "state": state}
        look(f"{state} findings", ask.post(FINDINGS, form, follow=True))
    look("searches forgotten", ask.post("/admin/demand/", follow=True))
    settings.DEMAND_DAYS = 0
    look("demand is off", ask.get("/admin/demand/"))
    look("trouble", server_error(RequestFactory().get("/admin/")))
    ask.logout()
    look("login", ask.get("/admin/login/"))
    look("a wrong password", ask.post("/admin/login/", {"username": "x", "password": "x"}))
    assert not found, "\n".join(f"{what}: {sorted(texts)}" for what, texts in found.items())
