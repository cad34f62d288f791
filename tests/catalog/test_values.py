from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.values import (
    InvalidValue,
    address,
    attributes_in,
    availability,
    category_key,
    currencies,
    currency_code,
    decimal_mark,
    flag,
    identifier,
    line,
    picture_source,
    picture_sources,
    price,
)

PRICES = {
    "34.0000": "34",
    "23.900000": "23.90",
    "12,90": "12.90",
    "12,5": "12.50",
    "1.234,56": "1234.56",
    "1,234.56": "1234.56",
    "1.234.567": "1234567",
    "1,23,456.78": "123456.78",  # India
    "1 234,56": "1234.56",
    "1\u00a0234,56": "1234.56",
    "1\u202f234": "1234",
    "1'234.50": "1234.50",  # Switzerland
    "1\u2019234.50": "1234.50",
    "17.939999999999998": "17.94",
    "23.7881": "23.79",
    "0.125": "0.13",
    "1234.567": "1234.57",
    ".99": "0.99",
    "5.": "5",
    "5,-": "5",
    "5.\u2013": "5",
    " 0012,90 ": "12.90",
    "\uff11\uff12\uff0e\uff19\uff10": "12.90",  # full width
    "\u0661\u0662\u066b\u0669\u0660": "12.90",  # Arabic
    "-4": "-4",
    "\u22124": "-4",
    "99999999.99": "99999999.99",
}


@pytest.mark.parametrize("text", PRICES)
def test_reads_prices_of_many_countries(text: str) -> None:
    assert price(text) == (Decimal(PRICES[text]), "")


@pytest.mark.parametrize(
    ("number", "amount"),
    [(17.939999999999998, "17.94"), (2.675, "2.68"), (5, "5"), (Decimal("9.9"), "9.90")],
)
def test_takes_a_number_as_its_spreadsheet_shows_it(number: Any, amount: str) -> None:
    assert price(number) == (Decimal(amount), "")


NO_PRICES = ["", "cheap", "NaN", "inf", "1e5", "12.90.00", "1.234.56", "1,234,56", "12 90", "--5"]
NO_PRICES += ["1.234 567,89", "12.90-15.90", "(12.90)", "12.90-", "0x10", "12:90", "9" * 81, "1'23"]
NO_PRICES += ["12.90 pcs", "from 12.90", "1,2345.67"]


@pytest.mark.parametrize("text", [*NO_PRICES, True, float("nan"), float("inf"), None])
def test_refuses_what_is_no_price(text: Any) -> None:
    with pytest.raises(InvalidValue):
        price(text)


@pytest.mark.parametrize("amount", ["100000000", "9" * 40, 1e300, 10**400, 99999999.995])
def test_refuses_a_price_that_the_catalog_can_not_hold(amount: Any) -> None:
    with pytest.raises(InvalidValue, match="too high"):
        price(amount)


@pytest.mark.parametrize("text", ["1.234", "1,234", "12.345", "123,000", "-1.234"])
def test_refuses_to_guess_whether_three_digits_are_decimals(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"can mean .* or .* Write it with two decimals"):
        price(text)


def test_currency_without_decimals_tells_what_three_digits_are() -> None:
    assert price("1,200円") == (1200, "JPY")
    assert price("1.200", currency="KRW") == (1200, "KRW")
    assert price("1.200 KWD") == (Decimal("1.20"), "KWD")


def test_decimal_mark_of_the_file_tells_what_three_digits_are() -> None:
    assert price("1.234", mark=",")[0] == 1234
    assert price("1.234", mark=".")[0] == Decimal("1.23")
    assert price("1,234 EUR", mark=".")[0] == 1234
    assert price("12.90", mark=",")[0] == Decimal("12.90"), "this one is clear by itself"


@pytest.mark.parametrize(
    ("prices", "mark"),
    [
        (["5", "1.234", "12,90"], ","),
        (["1.234", "12.90 USD"], "."),
        (["1.234.567"], ","),
        (["1'234.5"], "."),
        (["1.234", "cheap", ""], ""),
        (["12,90", "12.90"], ""),
        ([17.5, "12,90", None], ","),
        ([17.5], ""),
    ],
)
def test_finds_the_decimal_mark_on_which_prices_agree(prices: list[object], mark: str) -> None:
    assert decimal_mark(prices) == mark


CURRENCIES = {
    "12.90 USD": "USD",
    "usd 12.90": "USD",
    "12,90\u00a0€": "EUR",
    "€12,90": "EUR",
    "£ 12.90": "GBP",
    "12,90 zł": "PLN",
    "12,90 Kč": "CZK",
    "US$ 12.90 USD": "USD",
    "CHF 12.\u2013": "CHF",
    "USD12.90": "USD",
    "Kč50": "CZK",
    "1.234,56 TL": "TRY",
    "1,200.00円": "JPY",
    "SEK 299:-": "SEK",
    "INR 500/-": "INR",
    "Rs. 1,200.00 INR": "INR",
    "12.500 KWD": "KWD",  # which has three decimals
    "$12.90": "CAD",  # the shop's own
}


@pytest.mark.parametrize("text", CURRENCIES)
def test_reads_the_currency_beside_a_price(text: str) -> None:
    assert price(text, default="CAD")[1] == CURRENCIES[text]


@pytest.mark.parametrize("text", ["12.90 €", "12.90 EUR", "$12.90 EUR", "12.90 doubloons"])
def test_refuses_a_price_in_another_currency_than_its_row(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"currenc|not a number"):
        price(text, currency="USD")


@pytest.mark.parametrize("text", ["$12.90", "12.90 USD", "US$12.90", "12.90"])
def test_takes_a_price_that_agrees_with_the_currency_of_its_row(text: str) -> None:
    assert price(text, currency="USD", default="CAD") == (Decimal("12.90"), "USD")


@pytest.mark.parametrize(
    ("text", "code"),
    [("usd", "USD"), (" EUR ", "EUR"), ("€", "EUR"), ("£", "GBP"), ("$", "AUD"), ("₹", "INR")],
)
def test_brings_currencies_into_one_form(text: str, code: str) -> None:
    assert currency_code(text, default="AUD") == code


@pytest.mark.parametrize("text", ["Euro", "XXX", "DEM", "BTC", "", "U$D", "EURO", "¤", "USD EUR"])
def test_refuses_what_is_no_currency_of_today(text: str) -> None:
    with pytest.raises(InvalidValue, match="ISO 4217"):
        currency_code(text)


def test_refuses_to_guess_whose_dollar_it_is() -> None:
    with pytest.raises(InvalidValue, match="can mean USD, AUD"):
        currency_code("$", default="EUR")


def test_knows_the_currencies_of_today() -> None:
    assert {"EUR", "USD", "JPY", "XOF", "ZWG"} <= currencies()
    assert not {"DEM", "XXX", "XAU"} & currencies()


SAME = [
    ("Kitchen", "kitchen"),
    ("Kitchen", "\uff2b\uff29\uff34\uff23\uff28\uff25\uff2e"),
    ("Küche", "Ku\u0308che"),
    ("Straße", "STRASSE"),
    ("Home  &\u00a0Living", " home & living"),
    ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ("Kit\u200bchen", "Kitchen"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_category_has_one_key_however_it_is_written(one: str, other: str) -> None:
    assert category_key(one) == category_key(other)
    assert category_key(category_key(one)) == category_key(one)


def test_other_categories_have_other_keys() -> None:
    names = [
        "Kitchen",
        "Kitchens",
        "Küche",
        "Kuche",
        "Home > Living",
        "Home Living",
        "京都",
        "東京",
    ]
    assert len({category_key(name) for name in names}) == len(names)


def test_key_of_a_name_that_unfolds_is_no_longer_than_a_name() -> None:
    assert len(category_key("\ufdfa" * 250)) == 250


ADDRESSES = {
    "//shop.example/a.jpg": "https://shop.example/a.jpg",
    "http://shop.example/blue dress front.jpg": "http://shop.example/blue%20dress%20front.jpg",
    "http://shop.example/ü.jpg?q=ä b": "http://shop.example/%C3%BC.jpg?q=%C3%A4%20b",
    "http://shop.example/50% off%20x.jpg": "http://shop.example/50%25%20off%20x.jpg",
    "http://shop.example/?a=1&amp;b=2": "http://shop.example/?a=1&b=2",
    "http://shop.example/[1]~(2),3;4:5@6!'*+$": "http://shop.example/[1]~(2),3;4:5@6!'*+$",
    "\ufeffHTTPS://Shop.Example/A\u200b": "HTTPS://Shop.Example/A",
    "http://münchen.example/{a}|<b>": "http://münchen.example/%7Ba%7D%7C%3Cb%3E",
}


@pytest.mark.parametrize("text", ADDRESSES)
def test_reads_addresses_as_browsers_do(text: str) -> None:
    assert address(text) == ADDRESSES[text]
    assert address(address(text)) == ADDRESSES[text], "nothing is escaped twice"


@pytest.mark.parametrize(
    "text",
    ["", "shop.example/a.jpg", "ftp://shop.example/a", "http:///a", "http://a b/c", "javascript:1"],
)
def test_refuses_what_is_no_web_address(text: str) -> None:
    with pytest.raises(InvalidValue):
        address(text)


CELLS = {
    "http://a/1.jpg, http://a/2.jpg": ["http://a/1.jpg", "http://a/2.jpg"],
    "http://a/1.jpg|//a/2.jpg": ["http://a/1.jpg", "https://a/2.jpg"],
    "http://a/1.jpg http://a/2.jpg http://a/1.jpg": ["http://a/1.jpg", "http://a/2.jpg"],
    "http://a/w_2,h_3/1 b.jpg;http://a/2.jpg,": ["http://a/w_2,h_3/1%20b.jpg", "http://a/2.jpg"],
    "mug, blue.jpg": ["mug, blue.jpg"],
    "mug.jpg | http://a/2.jpg": ["mug.jpg", "http://a/2.jpg"],
    "http://a/fetch/https://b/1.jpg": ["http://a/fetch/https://b/1.jpg"],
}


@pytest.mark.parametrize("text", CELLS)
def test_finds_the_pictures_in_one_cell(text: str) -> None:
    assert picture_sources(text) == CELLS[text]


@pytest.mark.parametrize("text", ["http://a/1, http://a/2", "ftp://a/1", "data:image/png;base64,A"])
def test_refuses_what_is_not_one_picture(text: str) -> None:
    with pytest.raises(InvalidValue, match="address"):
        picture_source(text)


@pytest.mark.parametrize(
    "text",
    [
        "Size=M; color = red",
        "size=M;colour=red;",
        '{"size": "M", "Color": " red "}',
        '\ufeff{"size": "M", "colour": "red", "fit": null}',
    ],
)
def test_reads_attributes(text: str) -> None:
    assert attributes_in(text) == {"size": "M", "colour": "red"}


def test_reads_numbers_in_attributes_as_text() -> None:
    assert attributes_in('{"watts": 40, "volts": 1.5}') == {"watts": "40", "volts": "1.5"}
    assert attributes_in("formula=a=b") == {"formula": "a=b"}


@pytest.mark.parametrize(
    "text",
    [
        "red",
        "=red",
        "{size: M}",
        '{"sizes": ["S", "M"]}',
        "{" * 100_000,
        '{"a":' * 100_000,
        f'{{"a": {"1" * 5000}}}',
        '{"a": "\\u0007"}',
        f"a={'b' * 501}",
        f"{'a' * 51}=b",
        "; ".join(f"a{number}=b" for number in range(51)),
    ],
)
def test_refuses_what_is_no_attributes_with_a_sentence(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"^[A-Z'\"].{10,200}\.$"):
        attributes_in(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("in stock", "in_stock"),
        ("https://schema.org/OutOfStock", "out_of_stock"),
        ("Pre-Order", "preorder"),
        ("on backorder", "backorder"),
        ("nein", "out_of_stock"),
        ("1", "in_stock"),
    ],
)
def test_reads_availability_as_shops_write_it(text: str, value: str) -> None:
    assert availability(text) == value


def test_refuses_an_unknown_availability() -> None:
    with pytest.raises(InvalidValue, match="Use in_stock, out_of_stock, preorder or backorder"):
        availability("perhaps")


def test_decodes_entities_once() -> None:
    assert line("Salt &amp; Pepper &#233; 5&quot; &#x1F375;") == 'Salt & Pepper é 5" 🍵'
    assert line("&amp;lt;") == "&lt;"
    assert line("R&D, AT&T &copy 5 &nosuch; A&B;") == "R&D, AT&T &copy 5 &nosuch; A&B;"


@pytest.mark.parametrize(
    "text", ["a\x00", "a\x07b", "a\x1b[0m", "a\x85b", "a\udce9", "a\ufffe", "a\nb"]
)
def test_refuses_control_characters(text: str) -> None:
    with pytest.raises(InvalidValue, match="control characters"):
        line(text)


@pytest.mark.parametrize("text", ["1", "y", "YES", "True", " ja", "WAHR", "oui", "sí"])
def test_reads_yes(text: str) -> None:
    assert flag(text) is True


@pytest.mark.parametrize("text", ["0", "n", "No", "FALSE", "nein", "FALSCH", "faux", "off"])
def test_reads_no(text: str) -> None:
    assert flag(text) is False


def test_refuses_what_is_neither_yes_nor_no() -> None:
    with pytest.raises(InvalidValue, match="'maybe' is neither yes nor no"):
        flag("maybe")


def outcome(rule: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What a rule gives, or that it refuses."""
    try:
        return rule(*arguments, **options)
    except InvalidValue:
        return InvalidValue


TEXTS = st.text() | st.text(st.characters(codec="ascii"))
WEB_ADDRESSES = st.from_regex(r"https?://[\w.:,@-]{0,9}([/?#&;%][\w./?&=;,| %-]{0,9}){0,3}")


@settings(deadline=None, max_examples=50)
@given(TEXTS)
def test_short_cuts_of_texts_change_nothing(text: str) -> None:
    slowly = f"{text}\u200b"  # which is dropped, and which no short cut takes
    assert outcome(line, text) == outcome(line, slowly)
    assert outcome(identifier, text) == outcome(identifier, slowly)
    assert category_key(text) == category_key(slowly)


@settings(deadline=None, max_examples=50)
@given(WEB_ADDRESSES)
def test_short_cuts_of_addresses_change_nothing(text: str) -> None:
    for rule in (address, picture_source, picture_sources):
        assert outcome(rule, text) == outcome(rule, f" {text}")


@settings(deadline=None, max_examples=50)
@given(
    st.from_regex(r"0{0,2}[1-9]{0,8}[.,]?[0-9]{0,3}", fullmatch=True),
    st.sampled_from(["", ".", ","]),
    st.sampled_from(["", "EUR", "JPY", "KWD"]),
)
def test_short_cut_of_prices_changes_nothing(text: str, mark: str, currency: str) -> None:
    known = {"mark": mark, "currency": currency}
    assert outcome(price, text, **known) == outcome(price, f"{text} ", **known)
