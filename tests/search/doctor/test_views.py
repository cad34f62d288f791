import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.embedders.runtime import Embedder
from catalog.models import Category, Product
from search.doctor import views
from search.doctor.examination import examine
from search.doctor.findings import count, settle
from search.doctor.judging import Evidence, Suspicion
from search.doctor.models import Finding, Kind, State
from tests.conftest import MakeProduct, Picture

PAGE = "/admin/doctor/"


@pytest.fixture
def mugs(make_product: MakeProduct, picture: Picture) -> list[Product]:
    """Three products, of which two have one picture and one is in the wrong category."""
    mugs = [make_product(f"<i>Mug {n}", image=picture(n // 2), price="8.50") for n in range(3)]
    shown = [Evidence(mug.pk, None, str(mug.image)) for mug in mugs]
    cups = Category.objects.create(name="Cups")
    same = Suspicion(Kind.DUPLICATE, tuple(shown[:2]), 0.987)
    settle([same, Suspicion(Kind.CATEGORY, (shown[2],), 0.9, cups.pk)])
    return mugs


@pytest.fixture
def merging(mugs: list[Product]) -> str:
    finding = Finding.objects.get(kind=Kind.DUPLICATE)
    return f"{PAGE}{finding.pk}/merge/"


def read(client: Client, path: str = PAGE) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return str(response.content.decode())


def test_says_whether_there_is_nothing_or_nobody_has_looked(
    admin_client: Client, embedder: Embedder
) -> None:
    page = read(admin_client)
    assert "has not been examined yet" in page
    assert "run: python manage.py examine_catalog" in page
    examine(embedder)
    page = read(admin_client)
    assert "There are no open findings." in page
    assert "has not been examined yet" not in page


def test_lists_what_was_found_with_pictures_side_by_side(
    admin_client: Client, mugs: list[Product]
) -> None:
    page = read(admin_client)
    assert "The pictures are 98 % alike." in page
    assert "Of the products that look most like it, 90 % are in Cups." in page
    for mug in mugs:
        assert f'<img src="{mug.image.thumbnail_url}"' in page
        assert f"/admin/catalog/product/{mug.pk}/change/" in page
    assert "<i>Mug" not in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?kind=duplicate", {"duplicate"}),
        ("?kind=blurred", set()),
        ("?kind=nonsense&page=99&state=odd&product=x", {"duplicate", "category"}),
        ("?state=dismissed", set()),
        ("?product=99999999999999999999999", {"duplicate", "category"}),
    ],
)
def test_list_is_what_was_asked_for(
    admin_client: Client, mugs: list[Product], query: str, found: set[str]
) -> None:
    page = admin_client.get(PAGE + query).context["page"]
    assert {finding.kind for finding in page} == found


def test_lists_what_was_found_on_one_product(admin_client: Client, mugs: list[Product]) -> None:
    [finding] = admin_client.get(f"{PAGE}?product={mugs[1].pk}").context["page"]
    assert (finding.kind, finding.size) == (Kind.DUPLICATE, 2)


def test_queries_do_not_grow_with_findings(admin_client: Client, mugs: list[Product]) -> None:
    read(admin_client)
    with CaptureQueriesContext(connection) as before:
        read(admin_client)
    shown = [Evidence(mug.pk, None, str(mug.image)) for mug in mugs]
    settle([Suspicion(kind, (each,), 1.0) for each in shown for kind in (Kind.TINY, Kind.BLURRED)])
    with CaptureQueriesContext(connection) as after:
        read(admin_client)
    assert len(after) == len(before)
    assert not any('"embedding"' in query["sql"] for query in after)


def test_goes_page_by_page(
    admin_client: Client, mugs: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "PER_PAGE", 1)
    assert "?page=2" in read(admin_client)
    assert "Page 2 of 2" in read(admin_client, f"{PAGE}?page=2")


@pytest.mark.parametrize(
    ("which", "left"), [("chosen", 1), ("shown", 0), ("one", 1), ("nonsense", 2), ("9" * 30, 2)]
)
def test_dismisses_one_several_or_all_of_a_page(
    admin_client: Client, mugs: list[Product], which: str, left: int
) -> None:
    ids = list(Finding.objects.values_list("pk", flat=True))
    form = {"which": ids[0] if which == "one" else which, "finding": [ids[0], "x"], "shown": ids}
    response = admin_client.post(f"{PAGE}?kind=", form, follow=True)
    assert sum(count().values()) == left
    finding = "finding is" if left == 1 else "findings are"
    assert f"{2 - left} {finding} dismissed." in response.content.decode()


def test_brings_dismissed_findings_up_again(admin_client: Client, mugs: list[Product]) -> None:
    Finding.objects.update(state=State.DISMISSED)
    [one, *_] = Finding.objects.all()
    admin_client.post(PAGE, {"which": one.pk, "state": "open"})
    assert list(Finding.objects.filter(state=State.OPEN)) == [one]


def test_merges_and_says_what_it_did(
    admin_client: Client, mugs: list[Product], merging: str
) -> None:
    page = admin_client.get(merging)
    assert "They are not deleted" in page.content.decode()
    revisions = page.context["form"].initial["revisions"]
    form = {"keep": mugs[1].pk, "revisions": revisions}
    response = admin_client.post(merging, form, follow=True)
    assert "&lt;i&gt;Mug 1</a>” is kept. Photos added: 0. Hidden: &lt;i&gt;Mug 0" in (
        response.content.decode()
    )
    active = Product.objects.filter(active=True).values_list("pk", flat=True)
    assert set(active) == {mugs[1].pk, mugs[2].pk}
    assert LogEntry.objects.count() == 2
    assert admin_client.get(merging).status_code == 404


def test_refuses_to_merge_what_has_changed(
    admin_client: Client, mugs: list[Product], merging: str
) -> None:
    revisions = admin_client.get(merging).context["form"].initial["revisions"]
    mugs[0].save()
    response = admin_client.post(merging, {"keep": mugs[0].pk, "revisions": revisions}, follow=True)
    assert "has changed meanwhile" in response.content.decode()
    assert Product.objects.filter(active=True).count() == 3


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"keep": "1", "revisions": "1:2:3"},
        {"keep": "9" * 30, "revisions": "x"},
        {"keep": "1", "revisions": "9" * 9999 + ":1"},
    ],
)
def test_damaged_form_merges_nothing(
    admin_client: Client, merging: str, form: dict[str, str]
) -> None:
    assert admin_client.post(merging, form).status_code in (200, 302)
    assert Product.objects.filter(active=True).count() == 3


def test_who_may_only_look_is_offered_nothing_to_do(
    client: Client, mugs: list[Product], merging: str
) -> None:
    ada = User.objects.create_user("ada", is_staff=True)
    ada.user_permissions.add(Permission.objects.get(codename="view_product"))
    client.force_login(ada)
    assert "Dismiss" not in read(client)
    assert client.post(PAGE, {"which": "1"}).status_code == 403
    assert client.get(merging).status_code == 403


def test_front_page_counts_in_one_query(
    admin_client: Client, mugs: list[Product], make_product: MakeProduct
) -> None:
    with CaptureQueriesContext(connection) as queries:
        page = read(admin_client, "/admin/")
    assert f'<a href="{PAGE}?kind=duplicate">Same picture, several products: 1</a>' in page
    assert f'<a href="{PAGE}?kind=category">Doubtful categories: 1</a>' in page
    assert sum("search_finding" in query["sql"] for query in queries) == 1


def test_front_page_is_silent_where_nothing_was_found(admin_client: Client) -> None:
    page = read(admin_client, "/admin/")
    assert "The catalog doctor found" not in page
    assert f'<a href="{PAGE}">' in page


def test_front_page_counts_only_for_those_who_may_see_products(
    client: Client, mugs: list[Product]
) -> None:
    client.force_login(User.objects.create_user("bob", is_staff=True))
    assert "The catalog doctor found" not in read(client, "/admin/")


def test_product_in_the_admin_says_what_was_found(
    admin_client: Client, mugs: list[Product]
) -> None:
    page = read(admin_client, f"/admin/catalog/product/{mugs[2].pk}/change/")
    assert "90 % are in Cups." in page
    assert f"{PAGE}?product={mugs[2].pk}" in page
