"""Files as spreadsheets and shops write them, through the command."""

from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from catalog.models import Category, EmbeddingStatus, Product, ProductPhoto
from tests.catalog.local_servers import hosts, http, running_servers
from tests.conftest import MakeProduct, Messages, Picture

HEADER = "id,name,category,image_url,price"

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(tmp_path: Path, django_capture_on_commit_callbacks: Any) -> Any:
    """Imports a text as the command does; gives what it said."""

    def run_import(*lines: str, encoding: str = "utf-8", end: str = "\r\n") -> str:
        path = tmp_path / "products.csv"
        path.write_bytes((end.join(lines) + end).encode(encoding))
        output = StringIO()
        with django_capture_on_commit_callbacks(execute=True):
            try:
                call_command("import_products", path, stdout=output, stderr=output)
            except CommandError as error:
                output.write(str(error))
        return output.getvalue()

    return run_import


def stored() -> list[tuple[Any, ...]]:
    columns = ("sku", "name", "category__name", "price", "currency")
    return list(Product.objects.order_by("sku").values_list(*columns))


@pytest.mark.parametrize(
    ("delimiter", "encoding"),
    [(";", "utf-8-sig"), ("\t", "utf-16"), ("|", "utf-8"), (";", "cp1252"), (",", "cp1252")],
)
def test_imports_what_spreadsheets_of_other_countries_save(
    run: Any, delimiter: str, encoding: str
) -> None:
    price = "12.90" if delimiter == "," else "12,90"
    rows = (HEADER.split(","), ["S-1", "Becher à café", "Küche", "", price])
    said = run(*map(delimiter.join, rows), encoding=encoding)
    assert "1 created, 0 updated, 0 unchanged, 0 failed" in said
    assert stored() == [("S-1", "Becher à café", "Küche", Decimal("12.90"), "USD")]
    assert ("not UTF-8. It was read as Windows-1252" in said) == (encoding == "cp1252")


def test_takes_the_first_line_of_excel_that_names_the_delimiter(run: Any) -> None:
    assert "1 created" in run("sep=,", HEADER, "S-2,Mug,Kitchen,,12.90")


@pytest.mark.parametrize(
    "price", ["34.0000", "34", "34.00 USD", "$34", "34,00", "33.9999999999999"]
)
def test_reads_the_same_price_from_all_its_forms(run: Any, price: str) -> None:
    run(HEADER, f'P-1,Mug,Kitchen,,"{price}"')
    assert Product.objects.get().price == 34


def test_prices_of_the_file_tell_what_its_three_digits_are(run: Any) -> None:
    said = run(HEADER, 'P-1,Mug,Kitchen,,"1.234"', 'P-2,Cup,Kitchen,,"1,234"', "P-3,Pot,Kitchen,,5")
    assert said.count("Write it with two decimals") == 2
    run(HEADER, 'P-1,Mug,Kitchen,,"1.234"', 'P-2,Cup,Kitchen,,"2.345,60"')
    assert Product.objects.get(sku="P-1").price == 1234
    run(HEADER, 'P-1,Mug,Kitchen,,"1.234"', "P-2,Cup,Kitchen,,2345.6")
    assert Product.objects.get(sku="P-1").price == Decimal("1.23")


def test_skips_rows_that_a_spreadsheet_left_empty_and_takes_short_ones(run: Any) -> None:
    wide = f"{HEADER},currency,link,active,"
    said = run(wide, "C-1,Mug,Kitchen,,12.90,,,,", ",,,,,,,,", "", "C-2,Cup,Kitchen,,5", ",,,")
    assert "2 created, 0 updated, 0 unchanged, 0 failed" in said


def test_unclosed_quote_names_its_line_and_the_lines_that_are_lost(run: Any) -> None:
    said = run(
        HEADER,
        "Q-1,Mug,Kitchen,,5",
        'Q-2,"Vintage lamp,Kitchen,,5',
        "Q-3,Cup,Kitchen,,5",
        "Q-4,Pot,Kitchen,,5",
    )
    lost = "line 3: A quote that opens in line 3 is not closed. Lines 3 to 5 (3 lines) are lost."
    assert lost in said
    assert "1 created, 0 updated, 0 unchanged, 1 failed" in said


@pytest.mark.parametrize("last", ['Q-4,Pot",Kitchen,,5', 'Q-4,7" tablet,Kitchen,,5'])
def test_unclosed_quote_that_a_later_row_closes_imports_no_mixture(run: Any, last: str) -> None:
    rows = ['Q-2,"Vintage lamp,Kitchen,,5', last, "Q-5,Pan,Kitchen,,5"]
    said = run(HEADER, "Q-1,Mug,Kitchen,,5", *rows)
    assert "Lines 3 to 4 (2 lines) are lost" in said
    assert [row[0] for row in stored()] == ["Q-1", "Q-5"]


def test_line_break_in_a_name_becomes_a_space(run: Any) -> None:
    run(HEADER, 'L-1,"Mug, large\nand blue",Kitchen,,5')
    assert Product.objects.get().name == "Mug, large and blue"


def test_decodes_entities(run: Any) -> None:
    run(HEADER, "N-1,Salt &amp; Pepper &#8212; 5&quot; set,Kitchen &amp; Dining,,5")
    assert stored()[0][1:3] == ('Salt & Pepper \u2014 5" set', "Kitchen & Dining")


def test_currency_is_the_same_and_categories_are_one_however_they_are_written(run: Any) -> None:
    rows = ["N-2,Mug,Kitchen,,5,usd", "N-3,Mug,kitchen,,5,€", "N-4,Mug, KITCHEN ,,5,DEM"]
    said = run(f"{HEADER},currency", *rows)
    assert "line 4: currency: 'DEM' is no currency" in said
    assert [row[2:5:2] for row in stored()] == [("Kitchen", "USD"), ("Kitchen", "EUR")]
    assert "2 unchanged" in run(f"{HEADER},currency", *rows), "the second run changes nothing"
    assert Category.objects.count() == 1


def test_currency_of_the_price_counts_and_must_agree_with_its_column(run: Any) -> None:
    rows = ["1,Mug,Kitchen,,12.90 EUR,", "2,Mug,Kitchen,,12.90 EUR,EUR", "3,Mug,Kitchen,,€ 5,USD"]
    said = run(f"{HEADER},currency", *rows)
    assert [row[4] for row in stored()] == ["EUR", "EUR"]
    assert "line 4: price: '€' in the price is not the currency USD. (id 3)" in said


def test_category_of_google_s_length_fits(run: Any) -> None:
    name = "Vehicles & Parts > " * 13
    assert "1 created" in run(HEADER, f"N-4,Jump starter,{name[:250]},,5")


@pytest.mark.parametrize("join", [", ", "|", " ", ";", "\n"])
def test_further_pictures_of_a_cell_become_photos(
    run: Any, picture: Picture, settings: Any, join: str, messages: Messages
) -> None:
    with running_servers() as serve:
        server = serve(http(picture(5)))
        settings.FETCH_ALLOWED_HOSTS = hosts([server])
        one, two, three = (f"{server.url}/{n} front.jpg" for n in range(3))
        said = run(HEADER, f'I-1,Mug,Kitchen,"{join.join([one, two, three])}",5')
        assert "1 created" in said
        product = Product.objects.get()
        assert product.image_url == one.replace(" ", "%20")
        photos = [two.replace(" ", "%20"), three.replace(" ", "%20")]
        assert [photo.image_url for photo in product.photos.all()] == photos
        assert {photo.embedding_status for photo in product.photos.all()} == {EmbeddingStatus.READY}
        assert (
            run(HEADER, f'I-1,Mug,Kitchen,"{join.join([one, two, three])}",5').count("1 unch") == 1
        )
        run(HEADER, f'I-1,Mug,Kitchen,"{join.join([one, three, two])}",5')
        assert [photo.image_url for photo in product.photos.all()] == photos[::-1]
        assert server.connections == 3, "each is fetched once"


def test_photos_of_a_cell_replace_those_of_other_addresses_and_no_uploads(
    run: Any, make_product: MakeProduct
) -> None:
    product = make_product(sku="I-1")
    ProductPhoto.objects.create(product=product, image_url="http://127.0.0.1/old.jpg", position=1)
    ProductPhoto.objects.create(product=product, position=2)
    run(HEADER, "I-1,Mug,Home,http://127.0.0.1/1.jpg,9.99")
    assert product.photos.count() == 2, "a single address says nothing about further photos"
    run(HEADER, "I-1,Mug,Home,http://127.0.0.1/1.jpg|http://127.0.0.1/2.jpg,9.99")
    assert {each.image_url for each in product.photos.all()} == {"", "http://127.0.0.1/2.jpg"}


def test_too_many_pictures_in_a_cell_fail_the_row(run: Any) -> None:
    cell = "|".join(f"http://127.0.0.1/{n}.jpg" for n in range(251))
    assert "line 2: image_url: The maximum is 250 pictures" in run(HEADER, f"1,Mug,Home,{cell},5")


def test_pictures_without_scheme_and_with_spaces_are_fetched_as_browsers_do(run: Any) -> None:
    run(HEADER, "1,Mug,Home,//127.0.0.1/a.jpg,5", "2,Mug,Home,http://127.0.0.1/blue dress.jpg,5")
    assert list(Product.objects.order_by("sku").values_list("image_url", flat=True)) == [
        "https://127.0.0.1/a.jpg",
        "http://127.0.0.1/blue%20dress.jpg",
    ]


def test_names_pictures_that_failed_by_line_and_id(run: Any, settings: Any) -> None:
    with running_servers() as serve:
        server = serve(http(status="404 Not Found"))
        settings.FETCH_ALLOWED_HOSTS = hosts([server])
        rows = [f"m1,Mug,Home,{server.url}/1.jpg|{server.url}/2.jpg,5", "m2,Cup,Home,gone.jpg,5"]
        changed = [f"m1,Cup,Home,{server.url}/1.jpg|{server.url}/2.jpg,5"]
        run(HEADER, *rows)
        said, later = run(HEADER, *rows), run(HEADER, *changed)
    assert f"line 2: The picture {server.url}/1.jpg is missing. The server answered 404" in later
    assert f"The picture {server.url}/2.jpg is missing. " in later
    assert "not fetched yet" not in later
    assert f"line 2: The picture {server.url}/1.jpg is tried again" in said
    assert f"The picture {server.url}/2.jpg is tried again" in said
    assert "404" in said
    assert "(id m1)" in said
    assert "line 3: image_url: There is no file gone.jpg" in said
    assert "(id m2)" in said


def test_address_without_scheme_is_recognized(run: Any) -> None:
    said = run(HEADER, "1,Mug,Home,www.shop.example/a.jpg,5", "2,Mug,Home,folder/a.jpg,5")
    assert said.count("If this is an address, write https://") == 1


def test_number_that_a_spreadsheet_has_shortened_is_no_sku(run: Any) -> None:
    said = run(HEADER, "4.00639E+12,Mug,Home,,5", '"4,01E+12",Cup,Home,,5', "12E4,Pot,Home,,5")
    assert said.count("a long number that a spreadsheet has shortened") == 2
    assert [row[0] for row in stored()] == ["12E4"]


def test_says_which_of_two_columns_has_the_skus(run: Any) -> None:
    said = run(f"{HEADER},SKU", "1,Mug,Home,,5,m-1")
    assert "SKUs are read from the column id. To use the column SKU, rename it to id." in said
    assert stored()[0][0] == "1"


HEADERS = ["ID,Name,CATEGORY, image_url ,Price", "id,name,category,Image URL,price"]
HEADERS += ["\ufeffid,name,category,image_url,price,,"]


@pytest.mark.parametrize("header", HEADERS)
def test_names_of_columns_may_have_spaces_and_capitals(run: Any, header: str) -> None:
    assert "1 created" in run(header, "1,Mug,Home,,5")


FILES = {
    "another header": ("id;title;cost", "The header lacks name, category, image_url, price."),
    "a million columns": (HEADER + ",a" * 1_000_000, "longer than 1,000,000 characters"),
    "many columns": (HEADER + ",a" * 6_000, "6,005 columns; the maximum is 5,000"),
    "a damaged spreadsheet": ("PK\x03\x04", "The spreadsheet is damaged."),
    "a compressed file": ("\x1f\x8b", "The compressed file is damaged"),
    "nothing": ("", "The file is empty."),
    "a picture": ("\x89PNG\r\n\x1a\n", "This is a picture, and not a table."),
    "an unknown header": (
        "Product,Title," + ",".join(f"Option{n}" for n in range(30)),
        "It has: Product, Title, Option0, Option1, Option2, Option3, Option4, Option5 and 24 more.",
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_refuses_a_file_with_one_sentence_and_changes_nothing(run: Any, kind: str) -> None:
    header, reason = FILES[kind]
    said = run(header, "1,Mug,Home,,5", encoding="latin-1") if header else run()
    assert reason in said
    assert not Category.objects.exists()


@pytest.mark.parametrize("path", ["/dev/zero", "."])
def test_refuses_what_is_no_file(path: str) -> None:
    with pytest.raises(CommandError, match="it is not a file"):
        call_command("import_products", path)


def test_hostile_rows_fail_alone(run: Any) -> None:
    said = run(
        HEADER,
        "1,Mug,Home,,5",
        f"2,{'x' * 1_100_000},Home,,5",
        f"3,{'x' * 140_000},Home,,5",
        f"4,{'x' * 100_000},Home,,5",
        f"5,Mug,Home,,{'9' * 100_000}",
        "6,Mug,Home,,5" + ",x" * 300_000,
        "7,M\x00g,Home,,5",
        "8,Pot,Home,,5",
    )
    assert "2 created, 0 updated, 0 unchanged, 6 failed" in said
    assert len(said) < 3_000
