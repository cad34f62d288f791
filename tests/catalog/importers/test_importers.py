import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db.models.signals import post_init

from catalog.importers import (
    ImportReport,
    InvalidCatalogFile,
    RowResult,
    import_products,
    summarize,
)
from catalog.models import Category, EmbeddingStatus, Product
from tests.catalog.local_servers import hosts, http, running_servers
from tests.conftest import Messages, Picture

HEADER = ["id", "name", "category", "image_url", "price"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def photo(tmp_path: Path, picture: Picture) -> str:
    """A picture beside the CSV."""
    (tmp_path / "mug.jpg").write_bytes(picture(1))
    return "mug.jpg"


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Writes rows, by default under the right header, and gives the path."""

    def write_csv(*rows: list[str], header: list[str] = HEADER) -> Path:
        path = tmp_path / "products.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    return write_csv


def run(path: Path) -> ImportReport:
    return summarize(import_products(path))


def test_creates_products_with_pictures_and_vectors(
    write: Any, photo: str, messages: Messages, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        report = run(write(["m1", "Mug", "Home", photo, "9.99"], ["m2", "Cup", "Home", photo, "5"]))
    assert report.counts == {"created": 2}
    mug = Product.objects.get(sku="m1")
    assert (mug.name, mug.category.name, mug.price) == ("Mug", "Home", Decimal("9.99"))
    assert mug.embedding_status == EmbeddingStatus.READY
    ids = list(Product.objects.values_list("pk", flat=True))
    assert messages == [("embed", "catalog.Product", ids)], "one message for a chunk"


FIELDS = ["group", "availability", "brand", "sale_price", "attributes", "additional_image_url"]


def test_reads_the_optional_columns(write: Any) -> None:
    pictures = [f"https://shop.example/{number}.jpg" for number in range(5)]
    first = ["m1-s", "Mug", "Home", " ".join(pictures[:2]), "€ 9,99"]
    second = ["m1-l", "Mug", "Home", pictures[0], "12.00 EUR"]
    path = write(
        [*first, "m1", "out of stock", "Acme &amp; Sons", "7,50 EUR", "size=S", pictures[2]],
        [*second, "m1", "", "", "", '{"size": "L"}', f"{pictures[4]}, {pictures[3]}"],
        header=HEADER + FIELDS,
    )
    assert run(path).counts == {"created": 2}
    small, large = Product.objects.order_by("pk")
    assert (small.group, small.brand, small.availability) == ("m1", "Acme & Sons", "out_of_stock")
    assert (small.price, small.sale_price, small.currency) == (
        Decimal("9.99"),
        Decimal("7.5"),
        "EUR",
    )
    assert (large.availability, large.sale_price) == ("in_stock", None)
    assert (small.attributes, large.attributes) == ({"size": "S"}, {"size": "L"})
    photos = [[photo.image_url for photo in each.photos.all()] for each in (small, large)]
    assert photos == [pictures[1:3], [pictures[4], pictures[3]]]
    assert run(path).counts == {"unchanged": 2}


def test_empty_cell_ends_a_sale_and_a_missing_column_does_not(write: Any, photo: str) -> None:
    row = ["m1", "Mug", "Home", photo, "9.99"]
    run(write([*row, "7.50"], header=[*HEADER, "sale_price"]))
    assert run(write(row)).counts == {"unchanged": 1}
    assert run(write([*row, ""], header=[*HEADER, "sale_price"])).counts == {"updated": 1}
    assert Product.objects.get().sale_price is None


@pytest.mark.parametrize("sale_price", ["9.99", "12", "0", "0.00"])
def test_leaves_out_a_sale_price_that_is_none_and_says_so(
    write: Any, photo: str, sale_price: str
) -> None:
    path = write(["m1", "Mug", "Home", photo, "9.99", sale_price], header=[*HEADER, "sale_price"])
    for status in ("created", "unchanged"):
        report = run(path)
        assert report.counts == {status: 1}
        assert [note.reason for note in report.notes] == [
            "Imported without a sale price. A sale price must be above 0 and below the price."
        ]


def test_price_below_the_sale_price_ends_the_sale(write: Any, photo: str) -> None:
    row = ["m1", "Mug", "Home", photo, "9.99"]
    run(write([*row, "7.50"], header=[*HEADER, "sale_price"]))
    report = run(write([*row[:-1], "7.00"]))
    assert (report.counts, len(report.notes)) == ({"updated": 1}, 1)
    assert Product.objects.get().sale_price is None


def test_faulty_optional_columns_fail_their_row(write: Any, photo: str) -> None:
    path = write(
        [
            "m1",
            "Mug",
            "Home",
            photo,
            "9.99 EUR",
            "g" * 101,
            "perhaps",
            "b" * 101,
            "7 USD",
            "red",
            "x.jpg",
        ],
        ["m2", "Mug", "Home", photo, "9.99", "g" * 101, "", "b" * 101, "-7", "", ""],
        header=HEADER + FIELDS,
    )
    read, written = (failure.reason for failure in run(path).failures)
    assert "'USD' in the price is not the currency EUR." in read
    assert all(
        f"{name}: " in read for name in ("availability", "attributes", "additional_image_url")
    )
    assert all(f"{name}: " in written for name in ("group", "brand"))
    assert not Product.objects.exists()


def test_product_keeps_its_category_where_the_file_knows_none(tmp_path: Path) -> None:
    path = tmp_path / "google.csv"
    path.write_text("id,title,image_link,price\n1,Mug,,5 USD\n")
    assert run(path).counts == {"created": 1}
    assert Product.objects.get().category.name == "Uncategorised"
    Product.objects.update(category=Category.objects.create(name="Kitchen"))
    assert run(path).counts == {"unchanged": 1}
    assert Product.objects.get().category.name == "Kitchen"
    path.write_text("id,name,category,image_url,price\n1,Mug,Uncategorised,,5\n")
    assert run(path).counts == {"updated": 1}, "people may say so in a file of their own"


def test_second_run_changes_nothing(write: Any, photo: str) -> None:
    path = write(["m1", "Mug", "Home", photo, "9.99"])
    run(path)
    assert run(path).counts == {"unchanged": 1}
    assert Product.objects.count() == 1


@pytest.mark.parametrize(
    ("column", "value"), [("name", "Big Mug"), ("category", "Kitchen"), ("price", "8.50")]
)
def test_changed_row_updates_the_product(write: Any, photo: str, column: str, value: str) -> None:
    row = {"id": "m1", "name": "Mug", "category": "Home", "image_url": photo, "price": "9.99"}
    run(write(list(row.values())))
    report = run(write(list((row | {column: value}).values())))
    assert report.counts == {"updated": 1}
    product = Product.objects.select_related("category").get()
    assert str({"category": product.category.name}.get(column, getattr(product, column))) == value


def test_changed_file_under_the_same_name_updates_the_picture(
    write: Any, photo: str, tmp_path: Path, picture: Picture
) -> None:
    path = write(["m1", "Mug", "Home", photo, "9.99"])
    run(path)
    before = Product.objects.get().image.digest
    (tmp_path / photo).write_bytes(picture(2))
    assert run(path).counts == {"updated": 1}
    assert Product.objects.get().image.digest != before


def test_finds_pictures_in_the_media_folder(write: Any, picture: Picture, settings: Any) -> None:
    Path(settings.MEDIA_ROOT).mkdir()
    (Path(settings.MEDIA_ROOT) / "cup.jpg").write_bytes(picture(3))
    assert run(write(["c1", "Cup", "Home", "cup.jpg", "4"])).counts == {"created": 1}
    assert Product.objects.get().image


BAD_ROWS = {
    "a missing picture": (["b", "Cup", "Home", "gone.jpg", "4"], "There is no file gone.jpg"),
    "a file that is no picture": (["b", "Cup", "Home", "products.csv", "4"], "not a picture"),
    "a price that is no number": (["b", "Cup", "Home", "mug.jpg", "cheap"], "'cheap' is not a"),
    "a negative price": (["b", "Cup", "Home", "mug.jpg", "-4"], "price: "),
    "NaN as price": (["b", "Cup", "Home", "mug.jpg", "NaN"], "price: "),
    "an infinite price": (["b", "Cup", "Home", "mug.jpg", "inf"], "price: "),
    "a price of too many digits": (["b", "Cup", "Home", "mug.jpg", "1e30"], "price: "),
    "no name": (["b", "", "Home", "mug.jpg", "4"], "name must not be empty"),
    "no id": ([" ", "Cup", "Home", "mug.jpg", "4"], "id must not be empty"),
    "too few values": (["b", "Cup"], "category, price must not be empty"),
    "too many values": (["b", "Cup", "Home", "mug.jpg", "4", "5"], "has 6 values"),
    "a name too long": (["b", "C" * 201, "Home", "mug.jpg", "4"], "name: "),
    "a category too long": (["b", "Cup", "C" * 251, "mug.jpg", "4"], "category: "),
    "control characters": (["b", "Cup\x00", "Home", "mug.jpg", "4"], "control characters"),
    "an address too long": (["b", "Cup", "Home", "http://a/" + "b" * 2000, "4"], "image_url: "),
    "a device as picture": (["b", "Cup", "Home", "/dev/zero", "4"], "it is not a file"),
    "a folder as picture": (["b", "Cup", "Home", ".", "4"], "can't be read"),
}


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_bad_row_fails_alone_and_says_why(write: Any, photo: str, kind: str) -> None:
    row, reason = BAD_ROWS[kind]
    good = ["m1", "Mug", "Home", photo, "9.99"]
    report = run(write(good, row, ["m3", *good[1:]]))
    assert report.counts == {"created": 2, "failed": 1}
    assert (report.failures[0].line, report.failures[0].sku) == (3, row[0].strip())
    assert reason in report.failures[0].reason
    assert not Product.objects.filter(sku="b").exists()


def test_row_that_is_not_utf8_fails_alone_in_a_file_that_is(write: Any, photo: str) -> None:
    path = write(["m1", "Thé vert à la crème", "Home", photo, "9.99"])
    path.write_bytes(path.read_bytes() + b"m2,Caf\xe9,Home,mug.jpg,1\r\n")
    report = run(path)
    assert report.counts == {"created": 1, "failed": 1}
    assert "UTF-8" in report.failures[0].reason


def test_last_of_rows_with_the_same_sku_counts_and_the_report_says_so(
    write: Any, photo: str
) -> None:
    row = ["m1", "Mug", "Home", photo, "9.99"]
    path = write(row, ["m1", "Cup", *row[2:]], ["m1", "Pot", *row[2:4], "cheap"])
    report = run(path)
    assert report.counts == {"created": 1, "unchanged": 1, "failed": 1}
    assert report.notes == [
        RowResult(2, "unchanged", "Line 3 has the same id and counts instead of this one.", "m1")
    ]
    assert Product.objects.get().name == "Cup", "a row that can't be read overrules none"
    assert run(path).counts == {"unchanged": 2, "failed": 1}


def test_last_row_counts_and_the_report_says_so_however_far_apart_they_are(
    write: Any, photo: str
) -> None:
    row = ["m1", "Mug", "Home", photo, "9.99"]
    others = ([f"c{n}", "Cup", *row[2:]] for n in range(120))  # more than one chunk
    report = run(write(row, *others, ["m1", "Pot", *row[2:]], ["m1", "Jug", *row[2:]]))
    assert report.counts == {"created": 121, "updated": 1, "unchanged": 1}
    assert report.notes == [
        RowResult(
            123, "unchanged", "Line 124 has the same id and counts instead of this one.", "m1"
        ),
        RowResult(124, "updated", "Line 2 has the same id; this line counts instead of it.", "m1"),
    ]
    assert Product.objects.get(sku="m1").name == "Jug"


def test_reports_how_much_of_the_file_is_read(write: Any) -> None:
    path = write(*([f"m{n}", "Mug" * 50, "Home", "", "9.99"] for n in range(600)))
    seen: list[tuple[int, int]] = []
    list(import_products(path, on_read=lambda done, size: seen.append((done, size))))
    size = path.stat().st_size
    assert {total for _, total in seen} == {size}
    done = [done for done, _ in seen]
    assert done == sorted(done)
    assert done[0] < done[-1] == size


def test_byte_order_mark_and_spaces_in_the_header_do_no_harm(write: Any, photo: str) -> None:
    path = write(["m1", "Mug", "Home", photo, "9.99"], header=["ID ", *HEADER[1:]])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert run(path).counts == {"created": 1}


@pytest.mark.parametrize("header", [["id", "name"], [], ["sku", "title", "kind", "photo", "cost"]])
def test_wrong_header_is_told_before_anything_is_imported(write: Any, header: list[str]) -> None:
    with pytest.raises(
        InvalidCatalogFile, match="must name the columns id, name, category, image_url, price"
    ):
        run(write(["m1", "Mug", "Home", "mug.jpg", "9.99"], header=header))
    assert not Category.objects.exists()


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidCatalogFile, match="No such file"):
        run(tmp_path / "none.csv")


def test_lost_picture_is_brought_back_by_importing_again(write: Any, photo: str) -> None:
    path = write(["m1", "Mug", "Home", photo, "9.99"])
    run(path)
    image = Product.objects.get().image
    Path(image.path).unlink()
    assert run(path).counts == {"updated": 1}
    assert Path(image.path).exists()


def test_picture_behind_an_address_is_fetched_once_by_a_task(
    write: Any, picture: Picture, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with running_servers() as serve:
        server = serve(http(picture(5)))
        settings.FETCH_ALLOWED_HOSTS = hosts([server])
        path = write(["m1", "Mug", "Home", server.url, "9.99"])
        with django_capture_on_commit_callbacks(execute=True):
            assert run(path).counts == {"created": 1}
            assert server.connections == 0, "not while it imports"
        with django_capture_on_commit_callbacks(execute=True):
            assert run(path).counts == {"unchanged": 1}
    product = Product.objects.get()
    assert (product.image_url, product.embedding_status) == (server.url, EmbeddingStatus.READY)
    assert server.connections == 1


def test_picture_that_could_not_be_fetched_is_tried_again(
    write: Any, picture: Picture, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with running_servers() as serve:
        server = serve(http(status="404 Not Found"))
        settings.FETCH_ALLOWED_HOSTS = hosts([server])
        path = write(["m1", "Mug", "Home", server.url, "9.99"])
        with django_capture_on_commit_callbacks(execute=True):
            assert run(path).counts == {"created": 1}, "the row is fine"
        assert "404" in Product.objects.get().embedding_error
        server.reply = http(picture(5))
        with django_capture_on_commit_callbacks(execute=True):
            report = run(path)
    assert report.counts == {"unchanged": 1}
    assert [(note.line, note.sku) for note in report.notes] == [(2, "m1")]
    assert server.url in report.notes[0].reason
    assert "404" in report.notes[0].reason
    assert Product.objects.get().embedding_status == EmbeddingStatus.READY


def test_optional_columns_are_read_where_the_file_has_them(write: Any, photo: str) -> None:
    header = [*HEADER, "currency", "link", "active"]
    row = ["m1", "Mug", "Home", photo, "9.99", "EUR", "https://shop.example/m1", "no"]
    run(write(row, header=header))
    product = Product.objects.get()
    assert (product.currency, product.link, product.active) == (*row[5:7], False)
    bad = write(["m2", "Cup", *row[2:7], "maybe"], header=header)
    assert "active: 'maybe' is neither yes nor no" in run(bad).failures[0].reason


def test_twin_names_in_the_header_are_refused(write: Any) -> None:
    with pytest.raises(InvalidCatalogFile, match="has price more than once"):
        run(write(header=[*HEADER, "Price"]))


def test_row_that_is_unchanged_costs_no_query_of_its_own(
    write: Any, photo: str, django_assert_num_queries: Any
) -> None:
    path = write(*([f"m{n}", "Mug", "Home", photo, "9.99"] for n in range(150)))
    run(path)
    with django_assert_num_queries(4):  # products and categories of each hundred rows
        assert run(path).counts == {"unchanged": 150}


@pytest.mark.parametrize("is_pictured", [True, False])
def test_same_product_is_created_by_another_import_meanwhile(
    write: Any, photo: str, is_pictured: bool
) -> None:
    """A product that was looked up in vain may exist by the time it is saved."""

    def create_it(**_: object) -> None:
        post_init.disconnect(create_it, sender=Product)
        home = Category.objects.create(name="Home")
        Product.objects.create(sku="m1", name="Cup", category=home, price=1)

    post_init.connect(create_it, sender=Product)
    source = photo if is_pictured else ""
    rows = [[sku, "Mug", "Home", source, "9.99"] for sku in ("m0", "m1", "m2")]
    assert run(write(*rows)).counts == {"created": 2, "updated": 1}
    assert [product.name for product in Product.objects.all()] == ["Mug"] * 3


def test_file_that_is_gone_is_not_missed_where_its_picture_is_kept(
    write: Any, photo: str, tmp_path: Path
) -> None:
    path = write(["m1", "Mug", "Home", photo, "9.99"])
    run(path)
    (tmp_path / photo).unlink()
    assert run(path).counts == {"unchanged": 1}


REAL_NAMES = ("Chaise 20\u00a0cm", "For \U0001f468\u200d\U0001f469\u200d\U0001f467", "Soft\u00adly")


@pytest.mark.parametrize("name", REAL_NAMES)
def test_spaces_and_joiners_of_real_names_are_welcome(write: Any, photo: str, name: str) -> None:
    assert run(write(["n1", name, "Home", photo, "4"])).counts == {"created": 1}
    assert Product.objects.get().name == name
