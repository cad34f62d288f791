"""The values of products: which texts are accepted, and the one form in which each is kept.

Files, the admin and the API share these rules. They know nothing of Django.
"""

import html
import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, lru_cache
from unicodedata import category, decimal, normalize
from urllib.parse import quote

from babel.core import get_global
from babel.numbers import get_currency_precision, get_territory_currencies

from catalog.messages import Amount, sentence

MAX_TEXT = 2000  # characters of any text
MAX_SKU = 64
MAX_GROUP = 100
MAX_ADDRESS = 2000
MAX_CATEGORY = 250  # characters of a category's name, and of its key
MAX_PICTURES = 250  # of one product, as shops on the big platforms can have
MAX_ATTRIBUTES = 50  # of a product
MAX_ATTRIBUTE_NAME = 50  # characters
MAX_ATTRIBUTE = 500
MAX_WORDS = 20  # to search for; each is a condition of the database's query
MAX_WORDS_TEXT = 200  # characters of all of them
KEPT_PRICES = 10_000  # whose parts are remembered, for files repeat them
MAX_PRICE_TEXT = 80  # characters that are looked at
MAX_PRICE = Decimal("99999999.99")
CENT = Decimal("0.01")
NO_SALE = sentence("A sale price must be above 0 and below the price.")
EXCERPT = 40  # characters of a value in a sentence about it

# White space, and characters without width that copied text brings along.
BLANK = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\u200b\u200e\u200f\u2060\ufeff"
# Control characters, lone surrogates (bytes that were no text), and what XML, and so spreadsheets,
# can't hold. Joiners, soft hyphens and the like occur in real names, so they are allowed.
FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")

REMOTE = re.compile(r"(https?:)?//([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
# An address that every rule leaves as it is.
PLAIN_ADDRESS = re.compile(
    r"https?://[\w.-]{1,255}(:\d{1,5})?([/?][\w./~?&=+-]{0,1700})?", re.ASCII
)
OTHER_SCHEME = re.compile(r"(?!https?:)[a-z][a-z0-9+.-]+:", re.IGNORECASE)
BETWEEN_ADDRESSES = re.compile(r"[\s,;|]+(?=(?:https?:)?//)", re.IGNORECASE)
# What a browser leaves alone in a path or a query, and the backslash, which the fetcher refuses.
UNQUOTED = "!#$&'()*+,/:;=?@[]~\\%"
BARE_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")

PRICE = re.compile(
    r"(?P<sign>[-+]?)\s*(?P<before>[^\d+-]{0,8}?)\s*(?P<minus>-?)"
    r"(?P<number>(?:(?<![^\W\d_])[.,])?\d(?:[\d.,' ]*\d)?)"
    r"(?:[.,]-{0,2}|[:/]-)?\s*(?P<after>[^\d+-]{0,8})"
)
# A price that means the same whatever the file and the currency.
PLAIN_PRICE = re.compile(r"[0-9]{1,8}(\.[0-9]{1,2})?")
# In India, groups of two digits precede the last group of three.
WHOLE = re.compile(r"\d*|\d{1,3}(?P<mark>[.,' ])(?:\d{2,3}(?P=mark))*\d{3}")
# Apostrophes, dashes, and the marks of Arabic.
AS_ASCII = {"\u2019": "'", "\u2018": "'", "\u00b4": "'", "`": "'"} | {
    "\u2212": "-", "\u2013": "-", "\u2014": "-", "\u066b": ".", "\u066c": "'"
}  # fmt: skip
DOLLARS = ("USD", "AUD", "CAD", "HKD", "MXN", "NZD", "SGD", "TWD", "ARS", "CLP", "COP")
# Signs of currencies, in lower case. A sign of several currencies is ambiguous without a default.
SIGNS = {
    "€": ("EUR",),
    "£": ("GBP",),
    "$": DOLLARS,
    "us$": ("USD",),
    "a$": ("AUD",),
    "au$": ("AUD",),
    "c$": ("CAD",),
    "ca$": ("CAD",),
    "hk$": ("HKD",),
    "mx$": ("MXN",),
    "nz$": ("NZD",),
    "r$": ("BRL",),
    "s$": ("SGD",),
    "nt$": ("TWD",),
    "¥": ("JPY", "CNY"),
    "円": ("JPY",),
    "元": ("CNY",),
    "₹": ("INR",),
    "₽": ("RUB",),
    "₩": ("KRW",),
    "₪": ("ILS",),
    "₫": ("VND",),
    "₱": ("PHP",),
    "₦": ("NGN",),
    "₴": ("UAH",),
    "₺": ("TRY",),
    "tl": ("TRY",),
    "₸": ("KZT",),
    "₾": ("GEL",),
    "฿": ("THB",),
    "zł": ("PLN",),
    "zl": ("PLN",),
    "kč": ("CZK",),
    "ft": ("HUF",),
    "lei": ("RON", "MDL"),
    "kr": ("SEK", "NOK", "DKK", "ISK"),
    "fr": ("CHF",),
    "sfr": ("CHF",),
    "rs": ("INR", "LKR", "MUR", "NPR", "PKR"),
}

# Among them those that spreadsheets write in other languages.
YES = {"1", "y", "yes", "t", "true", "on", "ja", "wahr", "oui", "vrai", "si", "sí", "verdadero"}
NO = {"0", "n", "no", "f", "false", "off", "nein", "falsch", "non", "faux", "falso"}

# What shops and schema.org call whether a product can be bought, in lower case without separators.
AVAILABILITIES = {
    "instock": "in_stock",
    "available": "in_stock",
    "availablefororder": "in_stock",
    "limitedavailability": "in_stock",
    "instoreonly": "in_stock",
    "onlineonly": "in_stock",
    "outofstock": "out_of_stock",
    "soldout": "out_of_stock",
    "discontinued": "out_of_stock",
    "unavailable": "out_of_stock",
    "preorder": "preorder",
    "presale": "preorder",
    "backorder": "backorder",
    "onbackorder": "backorder",
}
# What `plain` changes after decomposition: final sigma, and the combining marks that are left out.
FINAL_SIGMA, SIGMA = "\u03c2\u03c3"
MARKS = "".join(map(chr, range(0x300, 0x370)))
PLAIN = str.maketrans(FINAL_SIGMA, SIGMA, MARKS)
SCHEMA_ORG = re.compile(r"https?://schema\.org/", re.IGNORECASE)


class InvalidValue(Exception):
    """A value can't be accepted; the message is a sentence that says why."""


def excerpt(text: str, most: int = EXCERPT) -> str:
    """The beginning of a text for a sentence, on one line and without control characters."""
    start = " ".join(text[: 2 * most].split())[:most]
    return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", start)


def line(text: str) -> str:
    """One line of text, trimmed, with HTML's entities decoded. Raises InvalidValue."""
    if "&" in text:
        text = ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    return identifier(text)


def identifier(text: str) -> str:
    """The same for keys such as an SKU, where an entity is left as it is. Raises InvalidValue."""
    is_plain = text.isprintable()  # then it has nothing forbidden, and no blank but the space
    text = text.strip(None if is_plain else BLANK)
    if len(text) > MAX_TEXT:
        raise InvalidValue(
            sentence(
                "The text is too long; the maximum is %(most)s characters.", most=Amount(MAX_TEXT)
            )
        )
    if not is_plain and FORBIDDEN.search(text):
        raise InvalidValue(sentence("The text has control characters, or is not UTF-8."))
    return text


def category_key(name: str) -> str:
    """What two names of one category have in common: neither case nor spaces nor their encoding.

    As NFKC_Casefold (Unicode, section 3.13), which also drops what has no width.
    """
    if name.isascii():
        folded = name.lower()
    else:
        folded = normalize("NFKC", normalize("NFKC", name).casefold())
        folded = "".join(letter for letter in folded if category(letter) != "Cf")
    return " ".join(folded.split())[:MAX_CATEGORY]


def plain(text: str) -> str:
    """A text as searches by words compare it: in lower case, without accents."""
    return text.lower() if text.isascii() else normalize("NFKD", text).lower().translate(PLAIN)


def words(text: str) -> list[str]:
    """The different words of a text, as `plain` writes them. Raises InvalidValue."""
    found = plain(text).replace(",", " ").split()
    if len(found) > MAX_WORDS:
        raise InvalidValue(sentence("The maximum is %(most)s words.", most=MAX_WORDS))
    return list(dict.fromkeys(found))


def address(text: str) -> str:
    """An http(s) address as a browser would send it. Raises InvalidValue.

    `//host/path` means https. What an address may not have, such as a space, is escaped; what is
    escaped already stays.
    """
    if PLAIN_ADDRESS.fullmatch(text):
        return text
    text = line(text)
    found = REMOTE.fullmatch(text)
    if not found:
        raise InvalidValue(sentence("Give an http(s) address."))
    if BETWEEN_ADDRESSES.search(text):
        raise InvalidValue(sentence("Give one address."))
    scheme, host, rest = found.groups()
    if not host or re.search(r"\s", host):
        raise InvalidValue(
            sentence(
                "'%(text)s' is not an address: its host is missing.",
                text=excerpt(text, 2 * EXCERPT),
            )
        )
    rest = quote(BARE_PERCENT.sub("%25", rest), safe=UNQUOTED)
    return f"{scheme or 'https:'}//{host}{rest}"


def addresses(text: str) -> list[str]:
    """The http(s) addresses in a text, each once, separated by , ; | or spaces.

    Raises InvalidValue.
    """
    return list(dict.fromkeys(map(address, _split_sources(text))))


def picture_source(text: str) -> str:
    """Where a picture is: an http(s) address, or the path of a file. Raises InvalidValue."""
    if PLAIN_ADDRESS.fullmatch(text):
        return text
    text = line(text)
    if REMOTE.fullmatch(text):
        return address(text)
    if OTHER_SCHEME.match(text):
        raise InvalidValue(sentence("Give an http(s) address, or the path of a file."))
    return text


def picture_sources(text: str) -> list[str]:
    """The pictures that one cell names, each once: addresses may be separated by , ; | or spaces.

    Raises InvalidValue.
    """
    return list(dict.fromkeys(map(picture_source, _split_sources(text))))


def flag(text: str) -> bool:
    """True or false, in the words of several languages. Raises InvalidValue."""
    word = text.strip(BLANK).lower()
    if word not in YES and word not in NO:
        raise InvalidValue(sentence("'%(text)s' is neither yes nor no.", text=excerpt(text)))
    return word in YES


def availability(text: str) -> str:
    """Whether a product can be bought: "in_stock", "out_of_stock", "preorder" or "backorder".

    Understands how feeds, shops and schema.org write it, and yes and no. Raises InvalidValue.
    """
    plain = SCHEMA_ORG.sub("", line(text)).lower()
    known = AVAILABILITIES.get(re.sub("[-_ ]", "", plain))
    if known:
        return known
    try:
        return "in_stock" if flag(plain) else "out_of_stock"
    except InvalidValue:
        raise InvalidValue(
            sentence(
                # Translators: the names with underscores are codes, and stay as they are.
                "'%(text)s' is no availability. Use in_stock, out_of_stock, preorder or backorder.",
                text=excerpt(text),
            )
        ) from None


def attributes(
    values: Mapping[str, object], *, rule: Callable[[str], str] = line
) -> dict[str, str]:
    """What else describes a product, such as its size, as text by name. Raises InvalidValue.

    Names are in lower case, and "color" becomes "colour". Those without a value are left out. With
    the rule `identifier`, entities are left as they are.
    """
    kept: dict[str, str] = {}
    for name, value in values.items():
        if not isinstance(value, str | int | float | None):
            shown = excerpt(name, MAX_ATTRIBUTE_NAME)
            raise InvalidValue(sentence("The attribute '%(name)s' is not a text.", name=shown))
        name, text = rule(name).lower(), "" if value is None else rule(str(value))
        if len(name) > MAX_ATTRIBUTE_NAME or len(text) > MAX_ATTRIBUTE:
            raise InvalidValue(
                sentence(
                    "The attribute '%(name)s' is too long; the maximum is %(name_size)s "
                    "characters for a name and %(size)s for a value.",
                    name=excerpt(name, MAX_ATTRIBUTE_NAME),
                    name_size=MAX_ATTRIBUTE_NAME,
                    size=MAX_ATTRIBUTE,
                )
            )
        if name and text:
            kept["colour" if name == "color" else name] = text
    if len(kept) > MAX_ATTRIBUTES:
        raise InvalidValue(
            sentence("The maximum is %(most)s attributes of a product.", most=MAX_ATTRIBUTES)
        )
    return kept


def attributes_in(text: str) -> dict[str, str]:
    """The attributes in a text: a JSON object, or such as `size=M; colour=red`.

    Raises InvalidValue.
    """
    text = text.strip(BLANK)
    if text.startswith("{"):
        try:
            return attributes(json.loads(text))
        except (ValueError, RecursionError) as error:  # a number of many digits is a ValueError
            raise InvalidValue(
                sentence("'%(text)s' is not valid JSON.", text=excerpt(text))
            ) from error
    pairs = [part.partition("=") for part in text.split(";") if part.strip(BLANK)]
    if not all(mark and name.strip(BLANK) for name, mark, _ in pairs):
        raise InvalidValue(
            sentence(
                "'%(text)s' can't be read. Write attributes like size=M; colour=red, or as JSON.",
                text=excerpt(text),
            )
        )
    return attributes({name: value for name, _, value in pairs})


@cache
def currencies() -> frozenset[str]:
    """The codes of ISO 4217 that are money somewhere today."""
    return frozenset(
        code
        for territory in get_global("territory_currencies")
        for code in get_territory_currencies(territory, date.today())
    )


def currency_code(text: str, *, default: str = "") -> str:
    """The code of a currency, given by its code or its sign. Raises InvalidValue.

    A sign of several currencies stands for the default, if that is one of them.
    """
    codes = _currencies_meant(text)
    if len(codes) > 1 and default not in codes:
        raise InvalidValue(
            sentence(
                "'%(text)s' can mean %(codes)s and others. Give the code, such as %(code)s.",
                text=excerpt(text),
                codes=", ".join(codes[:3]),
                code=codes[0],
            )
        )
    return default if default in codes else codes[0]


def price(
    cell: object, *, mark: str = "", currency: str = "", default: str = ""
) -> tuple[Decimal, str]:
    """A price, rounded to cents, and the code of its currency; "" where nothing tells it.

    A currency beside the number must agree with `currency`; `default` is as in `currency_code`.
    Of `1.234` nobody can tell whether it means 1234: `mark`, the decimal mark of the other prices
    in the file, decides, or a currency of three decimals or none. Raises InvalidValue.
    """
    if isinstance(cell, str) and PLAIN_PRICE.fullmatch(cell):
        amount = Decimal(cell)
    elif isinstance(cell, float):
        amount = Decimal(repr(cell))
    elif isinstance(cell, int | Decimal) and not isinstance(cell, bool):
        amount = Decimal(cell)
    else:
        number, written = _split_price(str(cell)[:MAX_PRICE_TEXT])
        if written and currency and currency not in _currencies_meant(written):
            raise InvalidValue(
                sentence(
                    "'%(text)s' in the price is not the currency %(currency)s.",
                    text=excerpt(written),
                    currency=currency,
                )
            )
        if written and not currency:
            currency = currency_code(written, default=default)
        decimals = get_currency_precision(currency) if currency and not mark else 2
        if decimals != 2:
            mark = "." if ("." in number) == (decimals == 3) else ","
        amount = _amount(number, mark)
    if not amount.is_finite():
        raise _no_number(str(cell))
    if abs(amount) > MAX_PRICE:
        raise InvalidValue(
            sentence("The price is too high; the maximum is %(most)s.", most=MAX_PRICE)
        )
    return amount.quantize(CENT, ROUND_HALF_UP), currency


def is_sale(sale_price: Decimal, price: Decimal) -> bool:
    """Whether a product can be on sale at this price: for less than its price, but not for 0.

    Files have 0 where there is no sale.
    """
    return 0 < sale_price < price


def decimal_mark(cells: Iterable[object]) -> str:
    """The decimal mark that all texts agree on, "" where they do not or where none shows it."""
    marks = set()
    for cell in cells:
        if isinstance(cell, str):  # the numbers of a spreadsheet have no mark
            with suppress(InvalidValue):
                marks.add(_mark_of(_split_price(cell[:MAX_PRICE_TEXT])[0]))
    marks.discard("")
    return marks.pop() if len(marks) == 1 else ""


def _split_sources(text: str) -> list[str]:
    return BETWEEN_ADDRESSES.split(text.strip(f"{BLANK},;|"))


def _currencies_meant(text: str) -> tuple[str, ...]:
    """The currencies that a code or a sign may stand for. Raises InvalidValue."""
    token = normalize("NFKC", text).strip(f"{BLANK}.:")
    if token.upper() in currencies():
        return (token.upper(),)
    if token.lower() in SIGNS:
        return SIGNS[token.lower()]
    raise InvalidValue(
        sentence(
            "'%(text)s' is no currency. Give a code of ISO 4217, such as EUR.", text=excerpt(text)
        )
    )


def _no_number(text: str) -> InvalidValue:
    return InvalidValue(sentence("'%(text)s' is not a number, such as 19.99.", text=excerpt(text)))


@lru_cache(KEPT_PRICES)
def _split_price(text: str) -> tuple[str, str]:
    """The number in a price and the currency beside it, each as it is written."""
    plain = normalize("NFKC", text).strip(BLANK)
    if not plain.isascii():
        plain = "".join(AS_ASCII.get(letter) or str(decimal(letter, letter)) for letter in plain)
    found = PRICE.fullmatch(plain)
    if not found or (found["sign"] and found["minus"]):
        raise _no_number(text)
    written = [each for each in (found["before"].strip(" .:"), found["after"].strip(" .:")) if each]
    if not all(category(each[-1])[0] in "LS" for each in written):  # letters and symbols
        raise _no_number(text)
    if len(written) == 2:
        written.sort(key=lambda each: len(_currencies_meant(each)))
        if not {*_currencies_meant(written[0])} & {*_currencies_meant(written[1])}:
            raise InvalidValue(sentence("'%(text)s' has two currencies.", text=excerpt(text)))
    minus = "-" if "-" in (found["sign"], found["minus"]) else ""
    return minus + found["number"], written[0] if written else ""


def _mark_of(number: str) -> str:
    """The decimal mark of a number, "" where it has none or where nobody can tell."""
    dots, commas = number.count("."), number.count(",")
    if dots and commas:
        return max(".,", key=number.rfind)
    if dots + commas != 1:
        return "," if dots else "." if commas else ""
    mark = "." if dots else ","
    is_like_a_group = re.fullmatch(rf"-?[1-9]\d{{0,2}}[{mark}]\d{{3}}", number)
    return "" if is_like_a_group else mark


def _amount(number: str, mark: str) -> Decimal:
    """The number; `mark` decides where its own decimal mark can't be told. Raises InvalidValue."""
    own = _mark_of(number)
    if not own and re.search("[.,]", number):
        if not mark:
            digits = re.sub(r"\D", "", number)
            raise InvalidValue(
                sentence(
                    "'%(text)s' can mean %(whole)s or %(fraction)s. "
                    "Write it with two decimals, such as %(whole)s.00.",
                    text=number,
                    whole=digits,
                    fraction=number.replace(",", "."),
                )
            )
        own = mark
    whole, _, fraction = number.rpartition(own) if own in number and own else (number, "", "")
    whole = whole.removeprefix("-")
    if not WHOLE.fullmatch(whole) or not re.fullmatch(r"\d*", fraction):
        raise _no_number(number)
    amount = Decimal(f"{re.sub('[^0-9]', '', whole) or 0}.{fraction or 0}")
    return -amount if number.startswith("-") else amount
