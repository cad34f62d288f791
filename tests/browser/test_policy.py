"""Every page in a real browser, under the policy that refuses inline scripts and styles."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from catalog.models import Product
from tests.browser.witness import Witness
from tests.conftest import FIXTURES, MakeProduct, Picture

LIST = "/admin/catalog/product/"


@pytest.fixture
def mug(make_product: MakeProduct, picture: Picture) -> Product:
    """A product with a picture, and others that look like it."""
    for seed in range(3):
        make_product(f"Cup {seed}", image=picture(seed))
    return make_product("Mug", sku="mug", image=picture(7))


def test_pages_of_the_shop_keep_the_policy(page: Page, mug: Product, witness: Witness) -> None:
    for path in ("/", "/products/", f"/products/{mug.pk}/", f"/?query=product-{mug.pk}"):
        page.goto(path)
        expect(page.locator(".card img").first).to_be_visible()
    for path in ("/nowhere/", "/products/?q=%00", "/?query=long-ago"):
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
    assert len(witness.policies) == 1
    assert "default-src 'none'" in witness.policies.pop()


def test_searching_with_a_photo_keeps_the_policy(
    page: Page, mug: Product, picture: Picture, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture(7))
    page.goto("/")
    page.set_input_files("#file", photo)
    expect(page.locator(".found .card-name").first).to_have_text("Mug")
    expect(page.locator(".query img")).to_be_visible()  # the photo, as a data: URL
    page.locator("#threshold").fill("0.1")
    expect(page.locator(".found .card")).not_to_have_count(1)


def test_docs_of_the_api_keep_the_policy_and_try_a_request(page: Page, db: None) -> None:
    page.goto("/api/docs/")
    page.get_by_text("/api/categories/").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table .response .response-col_status")).to_have_text("200")


def test_admin_signs_in_under_the_policy(page: Page, db: None) -> None:
    User.objects.create_superuser("owner", password="a long password")
    page.goto("/admin/")
    page.fill("[name=username]", "owner")
    page.fill("[name=password]", "a long password")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("h1", has_text="Catalog")).to_be_visible()


def test_admin_fits_a_phone(admin_page: Page, mug: Product) -> None:
    admin_page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/admin/", LIST, f"{LIST}{mug.pk}/change/", f"{LIST}import/", "/admin/doctor/"):
        admin_page.goto(path)
        page = admin_page.locator("html")
        assert page.evaluate("page => page.scrollWidth - page.clientWidth") <= 0, path


def test_admin_keeps_the_policy_on_each_page(admin_page: Page, mug: Product) -> None:
    product = f"{LIST}{mug.pk}"
    for path in (
        *("/admin/", LIST, f"{LIST}progress/", f"{LIST}?state=ready", f"{LIST}add/"),
        *(f"{product}/change/", f"{product}/history/", f"{product}/delete/"),
        *("/admin/catalog/category/", "/admin/catalog/category/add/"),
        *("/admin/auth/user/", "/admin/auth/user/1/change/", "/admin/auth/user/add/"),
        *("/admin/authtoken/tokenproxy/add/", "/admin/password_change/"),
    ):
        admin_page.goto(path)
        expect(admin_page.locator("#content")).to_be_visible()


def test_admin_saves_files_and_inlines_under_the_policy(admin_page: Page, mug: Product) -> None:
    admin_page.goto(f"{LIST}{mug.pk}/change/")
    admin_page.get_by_text("Add another Photo").click()
    photo = FIXTURES / "queries" / "11-sneaker.jpg"
    admin_page.set_input_files("[name=photos-0-image]", photo)
    admin_page.set_input_files("[name=image]", photo)
    admin_page.get_by_role("button", name="Save and continue editing").click()
    expect(admin_page.locator(".success")).to_contain_text("was changed successfully")
    assert Product.objects.get(pk=mug.pk).photos.count() == 1


def test_admin_acts_on_many_and_deletes_under_the_policy(admin_page: Page, mug: Product) -> None:
    for action in ("hide", "delete_selected"):
        admin_page.goto(LIST)
        admin_page.locator("#action-toggle").check()
        admin_page.select_option("[name=action]", action)
        admin_page.locator("button[name=index]").click()
    admin_page.get_by_role("button", name="Yes").click()
    expect(admin_page.locator(".success")).to_contain_text("deleted")
    assert not Product.objects.exists()


def test_admin_exports_and_imports_under_the_policy(
    admin_page: Page, mug: Product, tmp_path: Path
) -> None:
    admin_page.goto(f"{LIST}export/")
    admin_page.locator("select[name=format]").select_option(label="csv")
    with admin_page.expect_download() as download:
        admin_page.get_by_role("button", name="Submit").click()
    file = tmp_path / "products.csv"
    file.write_text(Path(download.value.path()).read_text("utf-8-sig").replace("Mug", "Big Mug"))
    admin_page.goto(f"{LIST}import/")
    admin_page.set_input_files("[name=import_file]", file)
    admin_page.get_by_role("button", name="Show what would change").click()
    expect(admin_page.locator(".import-rows ins")).to_have_text("Big Mug")
    admin_page.get_by_role("button", name="Import these products").click()
    expect(admin_page.locator(".success")).to_be_visible()
    assert Product.objects.get(pk=mug.pk).name == "Big Mug"
