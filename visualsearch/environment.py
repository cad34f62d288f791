"""Reads settings from the environment and from `.env`, and says in sentences what is wrong there.

Each function below turns the text of a setting into its value. Their messages never repeat an
address that may hold a password.
"""

import logging
import os
import re
from difflib import get_close_matches
from io import StringIO
from ipaddress import AddressValueError, IPv6Address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from dotenv import dotenv_values
from dotenv.parser import parse_stream
from environs import Env, EnvValidationError, ValidationError, validate
from kombu.transport import TRANSPORT_ALIASES
from kombu.utils.url import url_to_parts

from catalog.fetching.hosts import HostHeaders, InvalidHeaders, read_headers

BASE_DIR = Path(__file__).resolve().parent.parent

# As Django reads the header Host; a dot in front stands for all subdomains.
HOST = re.compile(r"\.?[a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\]", re.IGNORECASE)
PREFIX = re.compile(r"(/(?!\.\.?(/|$))[\w.~-]+)*", re.ASCII)  # nothing that a path would encode
ENCODING = (
    "In a password, write special characters percent-encoded: %40 for @, %23 for #, %2F for /."
)
DATABASE = f"Use sqlite:///path or postgres://user:password@host/name. {ENCODING}"
REDIS = f"Use redis://host:6379/1, where 1 is the number of a database. {ENCODING}"
# What to write instead, for the sentences of environs that do not say so.
REMEDIES = {
    "Not a valid boolean.": "Write true or false.",
    "Not a valid integer.": "Write a whole number in digits, without a unit.",
    "Not a valid number.": "Write a number in digits, without a unit.",
    "Not a valid log level.": "Write DEBUG, INFO, WARNING or ERROR.",
}


class Environment(Env):
    """The environment, then the file `.env`. A setting that is empty counts as not set.

    Faults are collected, and `seal` reports all of them.
    """

    def __init__(self, dotenv: Path | None = None) -> None:
        super().__init__(eager=False)
        for parser in (
            *(names, hosts, origins, exact_origins, origin_regexes, headers, url_prefix),
            *(folder, made_folder, database, redis_url, broker_url),
            *(web_address, logo, colour),
        ):
            self.add_parser(parser.__name__, parser)
        try:
            # Editors on Windows begin a file with a byte order mark.
            text = dotenv.read_text("utf-8-sig") if dotenv else ""
        except FileNotFoundError:
            text = ""
        except OSError as error:
            raise ImproperlyConfigured(f"{dotenv} can't be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise ImproperlyConfigured(f"{dotenv} is not UTF-8. Save it as UTF-8.") from error
        logging.getLogger("dotenv.main").setLevel(logging.ERROR)  # `unknown` says it in a sentence
        self._dotenv = dotenv_values(stream=StringIO(text))
        lines = parse_stream(StringIO(text))
        self._unreadable = [line.original.line for line in lines if line.error]
        for name, value in self._dotenv.items():
            if name.startswith("AWS_") and value:  # boto3 reads these from the environment
                os.environ.setdefault(name, value)

    def unknown(self) -> list[str]:
        """A sentence for each line of `.env` that has no effect, after all settings are read."""
        known = sorted(self.dump())
        sentences = [
            f"Line {number} of .env can't be read. Write NAME=value, close every quotation mark,"
            " and begin comments with #."
            for number in self._unreadable
        ]
        for name, value in self._dotenv.items():
            if value is None:
                sentences.append(f".env names {name} without a value. Write {name}=...")
            if name in known or name.startswith("AWS_"):
                continue
            near = get_close_matches(name.upper(), known, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            sentences.append(f".env sets {name}, which visualsearch does not read.{hint}")
        return sentences

    def seal(self) -> None:
        """End reading. Raises ImproperlyConfigured with a line for each fault."""
        try:
            super().seal()
        except EnvValidationError as error:
            found: Any = error.error_messages
            lines = ["These settings can't be used; .env.example explains them."]
            for name, sentences in found.items():
                said = " ".join(REMEDIES.get(sentence, sentence) for sentence in sentences)
                lines.append(f"  {name}: {said}")
            raise ImproperlyConfigured("\n".join(lines)) from error

    def _get_value(self, env_key: str, default: Any) -> Any:
        """The text of a setting; `environs.FileAwareEnv` also replaces this method."""
        value = os.environ.get(env_key, self._dotenv.get(env_key))
        if value is None or (not value.strip() and not env_key.endswith("_RATE")):
            return default
        return value.strip()  # "" as a rate means that there is no limit


def between(lowest: float, highest: float) -> validate.Range:
    """A validator of numbers; infinity and NaN are refused in any case."""
    return validate.Range(lowest, highest, error="Use {min} to {max}.")


def names(value: str) -> list[str]:
    """A list separated by commas, with or without spaces."""
    return [name.strip() for name in value.split(",") if name.strip()]


def hosts(value: str) -> list[str]:
    """Names of hosts, for ALLOWED_HOSTS."""
    for name in names(value):
        if name != "*" and not HOST.fullmatch(name):
            meant = _host_in(name)
            hint = f"Write {meant} instead" if HOST.fullmatch(meant) else "Write shop.example"
            raise ValidationError(
                f"{name!r} is not the name of a host. {hint}: without scheme, port and path, and"
                " with commas between several."
            )
    return names(value)


def _host_in(text: str) -> str:
    """The host that was probably meant, "" if there is none."""
    try:
        return f"[{IPv6Address(text)}]"
    except AddressValueError:
        pass
    try:
        host = (urlsplit(text if "//" in text else f"//{text}").hostname or "").rstrip(".")
        name = host.removeprefix("*.").encode("idna").decode()
    except ValueError:
        return ""
    if ":" in name:
        return f"[{name}]"
    return f".{name}" if host.startswith("*.") else name


def origins(value: str) -> list[str]:
    """Scheme and host of sites, for CSRF_TRUSTED_ORIGINS and FRAME_ANCESTORS."""
    for name in names(value):
        if not re.fullmatch(r"https?://(\*\.)?[a-z0-9.-]+(:[0-9]+)?", name):
            meant = _host_in(name)
            example = f"https://{meant if HOST.fullmatch(meant) else 'shop.example'}"
            raise ValidationError(
                f"{name!r} is not an origin. Write scheme and host, and nothing else: {example},"
                " with commas between several."
            )
    return names(value)


def exact_origins(value: str) -> list[str]:
    """Origins as browsers write them, for CORS_ALLOWED_ORIGINS."""
    for name in origins(value):
        if "*" in name:
            raise ValidationError(
                f"{name!r} stands for many origins. Write each of them, or set"
                rf" CORS_ALLOWED_ORIGIN_REGEX, such as https://(.+\.)?shop\.example."
            )
    return [re.sub("^(http:.+):80$|^(https:.+):443$", r"\1\2", name) for name in names(value)]


def origin_regexes(value: str) -> list[re.Pattern[str]]:
    """A regular expression for whole origins, for CORS_ALLOWED_ORIGIN_REGEX."""
    if not value:
        return []
    # Such a dot would also allow https://www-shop.example.
    if re.search(r"(?<!\\)\.[a-z(\[]", value, re.IGNORECASE):
        raise ValidationError(
            rf"In {value!r}, a dot stands for any character. Write \. for the dots of a host, as in"
            r" https://(.+\.)?shop\.example."
        )
    try:
        return [re.compile(rf"(?:{re.compile(value).pattern})\Z")]
    except re.error as error:
        raise ValidationError(
            f"{value!r} is not a regular expression: {error}. Write a pattern for the whole origin,"
            r" such as https://(.+\.)?shop\.example."
        ) from error


def headers(value: str) -> HostHeaders:
    """Headers by host, for FETCH_HEADERS."""
    try:
        return read_headers(value)
    except InvalidHeaders as error:
        raise ValidationError(str(error)) from error


def folder(value: str | Path | None) -> Path | None:
    """A path; a relative one starts at BASE_DIR. Replaces `~` and `$HOME`, as shells do."""
    if value is None:
        return None
    try:
        return BASE_DIR / Path(os.path.expandvars(value)).expanduser()
    except RuntimeError as error:
        raise ValidationError(
            f"{value} begins with the home folder of a user whom this machine does not know. Write"
            " the whole path."
        ) from error


def made_folder(value: str) -> Path:
    """A path as in `folder`, without links; the folder is made."""
    path = (folder(value) or BASE_DIR).resolve()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise ValidationError(f"{path} can't be made: {reason}. Name another folder.") from error
    return path


def url_prefix(value: str) -> str:
    """The path of the shop, "" for the root of its host, else as in "/visual-search"."""
    prefix = f"/{value.strip('/')}".rstrip("/")
    if not PREFIX.fullmatch(prefix):
        raise ValidationError(
            f"{value!r} is not the path of a shop. Write the path alone, from letters, digits and"
            " - . _ ~, such as /visual-search."
        )
    return prefix


def origin_of(address: str) -> str:
    """Scheme and host of an address, as a content security policy names them."""
    parts = urlsplit(address)
    host = (parts.hostname or "").encode("idna").decode()
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}"


def web_address(value: str) -> str:
    """An http(s) address, for SHOP_URL."""
    if not value:
        return ""
    try:
        is_address = re.fullmatch(r"https?://[\w.-]+(:[0-9]+)?([/?#]\S*)?", value)
        if is_address and origin_of(value):
            return value
    except ValueError:
        pass
    raise ValidationError(f"{value!r} is not an address. Write it as in https://shop.example/.")


def logo(value: str | None) -> str | Path | None:
    """The https address of a picture, or the path of a file, for SHOP_LOGO."""
    if value is None:
        return None
    if re.match(r"[a-z]+:", value) and not value.startswith("https://"):
        raise ValidationError("Write the path of a file, or an address that begins with https://.")
    return web_address(value) if value.startswith("https://") else folder(value)


def colour(value: str) -> str:
    """A colour in the form #rrggbb, for SHOP_ACCENT."""
    if not value:
        return ""
    short = re.fullmatch(r"#([0-9a-f])([0-9a-f])([0-9a-f])", value.lower())
    whole = f"#{''.join(2 * digit for digit in short.groups())}" if short else value.lower()
    if not re.fullmatch(r"#[0-9a-f]{6}", whole):
        raise ValidationError(f"{value!r} is not a colour. Write it as #rrggbb, such as #17614a.")
    return whole


def database(value: str) -> dict[str, Any]:
    """Django's options for a database."""
    try:
        parsed: dict[str, Any] = dict(dj_database_url.parse(value))
    except ValueError as error:
        raise ValidationError(DATABASE) from error
    engine, name = parsed["ENGINE"].rpartition(".")[2], parsed["NAME"]
    if engine not in ("sqlite3", "postgresql") or name in ("", ":memory:"):
        raise ValidationError(DATABASE)
    if engine == "sqlite3":
        parsed["NAME"] = path = BASE_DIR / Path(name).expanduser()
        if not path.parent.is_dir():
            raise ValidationError(
                f"There is no folder {path.parent}. Make it, or name another. A path from the root"
                " has four slashes, sqlite:////srv/shop.sqlite3."
            )
    return parsed


def redis_url(value: str) -> str:
    """The address of a Redis database, for CACHE_URL; Django takes several."""
    from redis import ConnectionPool  # takes a quarter of a second, and few shops need it

    for url in filter(None, re.split("[;,]", value)):
        try:
            ConnectionPool.from_url(url).make_connection()  # this does not connect yet
            if urlsplit(url).scheme != "unix" and (number := urlsplit(url).path.strip("/")):
                int(number)
        except (ValueError, TypeError) as error:
            raise ValidationError(REDIS) from error
    return value


def broker_url(value: str) -> str:
    """The address of a message broker that Celery knows."""
    scheme, _, rest = value.partition("://")
    if not rest or scheme not in TRANSPORT_ALIASES:
        raise ValidationError(REDIS)
    if scheme in ("redis", "rediss"):
        return redis_url(value)
    try:
        url_to_parts(value.partition(";")[0])
    except ValueError as error:
        raise ValidationError(REDIS) from error
    return value
