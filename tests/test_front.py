import json
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils.translation import activate, get_language

from catalog.pictures.slots import Slots
from tests.crowds import crowd
from visualsearch.front import IN_MEMORY, Application, Front

MOST = 100

Ask = Callable[..., tuple[int, bytes]]


class Parts(list[bytes]):
    """An answer that can be given a `close`, as Django's can."""


def shop(environ: dict[str, Any], start_response: Callable[..., Any]) -> Parts:
    """Returns the body of the request."""
    start_response("200 OK", [])
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return Parts([environ["wsgi.input"].read(length)])


def front(most: int = MOST, *, of: Application = shop) -> Front:
    return Front(
        of,
        max_bytes=most,
        client_of=lambda environ: environ.get("REMOTE_ADDR", ""),
        sharing_headers=lambda environ: [("Shared", environ.get("HTTP_ORIGIN", "no"))],
    )


def ask(
    body: bytes | BytesIO = b"", *, most: int = MOST, through: Front | None = None, **environ: Any
) -> tuple[int, bytes]:
    """Status and body of the answer; `environ` is what a server adds to the request."""
    heads: list[str] = []
    source = body if isinstance(body, BytesIO) else BytesIO(body)
    environ = {"PATH_INFO": "/", "wsgi.input": source} | environ
    whole = through or front(most)
    answer = whole(environ, lambda status, headers: heads.append(status))
    text = b"".join(answer)
    answer.close()  # type: ignore[attr-defined]
    return int(heads[0].split()[0]), text


def announced(body: bytes, **options: Any) -> tuple[int, bytes]:
    return ask(body, CONTENT_LENGTH=str(len(body)), **options)


def in_chunks(body: bytes, **options: Any) -> tuple[int, bytes]:
    """As gunicorn passes on a chunked body: it ends where a read returns nothing."""
    terms = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    return ask(body, **terms, **options)


@pytest.mark.parametrize("send", [announced, in_chunks])
@pytest.mark.parametrize("size", [0, 1, MOST])
def test_hands_the_body_on(send: Ask, size: int) -> None:
    assert send(b"a" * size) == (200, b"a" * size)


@pytest.mark.parametrize("send", [announced, in_chunks])
def test_hands_on_a_body_that_waits_on_disk(send: Ask) -> None:
    body = bytes(range(256)) * (IN_MEMORY // 128)
    assert send(body, most=len(body)) == (200, body)


def test_refuses_in_the_language_of_the_client() -> None:
    asked: dict[str, Any] = {"HTTP_ACCEPT": "text/html", "CONTENT_LENGTH": "many"}
    _, text = ask(**asked, HTTP_ACCEPT_LANGUAGE="ar;q=0.9, xx")
    assert b'<html lang="ar" dir="rtl">' in text
    _, text = ask(**asked, HTTP_ACCEPT_LANGUAGE="ar", HTTP_COOKIE="a=b; django_language=de")
    assert b'<html lang="de" dir="ltr">' in text
    for unknown in ("x" * 9000, ",;q=" * 999, "\xe4\0-1", "*", ""):
        cookie = f"django_language={unknown}"
        _, text = ask(**asked, HTTP_ACCEPT_LANGUAGE=unknown, HTTP_COOKIE=cookie)
        assert b'<html lang="en" dir="ltr">' in text


def test_gives_django_the_language_until_the_answer_is_closed() -> None:
    languages: list[str | None] = []

    class Answer(Parts):
        def close(self) -> None:
            languages.append(get_language())

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Parts:
        languages.append(get_language())
        activate("ja")  # as LocaleMiddleware does; no other request may see it
        start_response("200 OK", [])
        return Answer()

    through = front(of=application)
    ask(through=through, HTTP_ACCEPT_LANGUAGE="fr-CA")
    assert [*languages, get_language()] == ["fr", "ja", "en"]


def test_hands_on_what_has_no_body() -> None:
    assert ask() == ask(CONTENT_LENGTH="") == ask(b"unread", CONTENT_LENGTH="0") == (200, b"")


@pytest.mark.parametrize("send", [announced, in_chunks])
def test_refuses_one_byte_too_many(send: Ask) -> None:
    status, text = send(bytes(2 * 2**20 + 1), most=2 * 2**20)
    assert status == 413
    assert json.loads(text) == {"detail": "The request is too large; the maximum is 2 MB."}


def test_refuses_the_form_of_a_page_with_a_page() -> None:
    status, text = announced(bytes(MOST + 1), HTTP_ACCEPT="text/html,*/*;q=0.8")
    assert status == 413
    assert b"<p>The request is too large; the maximum is " in text


def test_answers_first_and_then_reads_on() -> None:
    body = BytesIO(bytes(MOST + 1))
    environ = {"wsgi.input": body, "CONTENT_LENGTH": str(MOST + 1)}
    answer = iter(front()(environ, lambda *_: None))
    assert b"too large" in next(answer)
    assert body.tell() == 0
    assert list(answer) == []
    assert body.read() == b""


@pytest.mark.parametrize(
    "length", ["many", "-1", "+1", " 1", "1.0", "0x10", "1_0", "\u0661", "9" * 30, "9" * 5000]
)
def test_refuses_a_length_that_is_none(length: str) -> None:
    status, text = ask(b"abc", CONTENT_LENGTH=length)
    assert status == 400
    assert json.loads(text) == {"detail": "Content-Length is not a number of bytes."}


def test_asks_for_the_length_where_a_server_does_not_read_chunks() -> None:
    status, text = ask(b"3\r\nabc", HTTP_TRANSFER_ENCODING="chunked")
    assert status == 411
    assert b"Content-Length" in text


CHARSETS = {
    "text/plain": 200,
    "text/plain; charset=utf-8": 200,
    'application/json; charset="UTF-8"': 200,
    "text/plain; Charset=us-ascii": 200,
    "multipart/form-data; boundary=charset": 200,
    "": 200,
    "text/plain; charset=rot13": 415,
    "text/plain; charset=idna": 415,
    "text/plain; charset=unicode_escape": 415,
    "text/plain; charset=utf-16": 415,
    "text/plain; charset=iso-8859-1": 415,
    "text/plain; charset=nonsense": 415,
    "text/plain; charset=": 415,
    "text/plain; charset=\xff": 415,
    "text/plain; charset*=utf-8''rot13": 415,
    "text/plain; charset*0=ro; charset*1=t13": 415,
    "text/plain; charset*=idna''%ff": 415,
    "text/plain; name*=undefined''x": 415,
    "text/plain; x*1=a; x*=b": 415,
}


@pytest.mark.parametrize(("content_type", "status"), CHARSETS.items(), ids=CHARSETS)
def test_reads_utf8_only(content_type: str, status: int) -> None:
    assert ask(CONTENT_TYPE=content_type)[0] == status


def test_refuses_a_nul_in_the_address() -> None:
    status, text = ask(PATH_INFO="/a\0b")
    assert (status, json.loads(text)) == (400, {"detail": "The address has a NUL byte."})


class Broken(BytesIO):
    """A body whose sender has disconnected."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def read(self, size: int | None = -1) -> bytes:
        raise self.error


def test_refuses_half_a_body() -> None:
    status, text = ask(b"abc", CONTENT_LENGTH="4")
    assert (status, json.loads(text)) == (400, {"detail": "The upload broke off."})


@pytest.mark.parametrize(
    ("error", "refusal", "sentence"),
    [
        (ConnectionResetError(), 400, "The upload broke off."),
        (TimeoutError(), 408, "The upload stalled."),
    ],
)
def test_refuses_what_broke_off(error: OSError, refusal: int, sentence: str) -> None:
    status, text = ask(Broken(error), CONTENT_LENGTH="4")
    assert (status, json.loads(text)) == (refusal, {"detail": sentence})


def test_says_when_there_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    status, text = announced(bytes(IN_MEMORY + 1), most=2 * IN_MEMORY)
    assert (status, b"no room for uploads" in text) == (503, True)
    assert caplog.messages == ["An upload can't be stored: No such file or directory."]
    assert announced(b"abc") == (200, b"abc"), "what fits into memory needs no disk"


OWN = {"detail": "Earlier requests are still being worked on. Please try again in a few seconds."}


@pytest.mark.parametrize("name", ["threads", "working"])
def test_leaves_threads_to_others_however_much_one_client_asks(name: str) -> None:
    busy = front()
    slots: Slots = getattr(busy, name)
    slots.patience = 0.1
    assert slots.per_client <= slots.number // 2
    with crowd(slots, *["a"] * slots.per_client):
        status, text = ask(b"abc", through=busy, REMOTE_ADDR="a", CONTENT_LENGTH="3")
        assert (status, json.loads(text)) == (429, OWN)
        assert ask(through=busy, REMOTE_ADDR="b") == (200, b"")
    assert ask(through=busy, REMOTE_ADDR="a") == (200, b"")


@pytest.mark.parametrize(
    ("others", "status"), [("aa", "429 Too Many Requests"), ("bc", "503 Service Unavailable")]
)
def test_says_who_keeps_it_busy_and_when_to_come_back(others: str, status: str) -> None:
    busy, told = front(), []
    busy.threads.patience = 0.1
    busy.threads.number, busy.threads.per_client = 2, 1 + (others == "aa")
    with crowd(busy.threads, *others):
        environ = {"PATH_INFO": "/", "REMOTE_ADDR": "a"}
        list(busy(environ, lambda *head: told.append(head)))
    ((line, headers),) = told
    assert (line, dict(headers)["Retry-After"]) == (status, "5")


def test_holds_a_thread_until_the_answer_is_sent() -> None:
    busy = front()
    answer = busy({"PATH_INFO": "/", "REMOTE_ADDR": "a", "wsgi.input": BytesIO()}, lambda *_: None)
    assert [claim.client for claim in (*busy.threads.held, *busy.working.held)] == ["a", "a"]
    answer.close()  # type: ignore[attr-defined]
    assert [*busy.threads.held, *busy.working.held] == []


def test_refusal_can_be_read_by_scripts_of_other_origins() -> None:
    told: list[Any] = []
    environ = {"PATH_INFO": "/a\0b", "HTTP_ORIGIN": "https://shop.example", "wsgi.input": BytesIO()}
    list(front()(environ, lambda *head: told.append(head)))
    ((status, headers),) = told
    assert (status, dict(headers)["Shared"]) == ("400 Bad Request", "https://shop.example")


def test_question_of_a_browser_does_not_wait_for_work() -> None:
    busy = front()
    busy.working.patience = 0.1
    asks = {"REQUEST_METHOD": "OPTIONS", "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST"}
    with crowd(busy.working, *["a"] * busy.working.per_client):
        assert ask(through=busy, REMOTE_ADDR="a", **asks)[0] == 200
        assert ask(through=busy, REMOTE_ADDR="a", REQUEST_METHOD="OPTIONS")[0] == 429


@pytest.mark.parametrize("environ", [{"PATH_INFO": "/a\0b"}, {"CONTENT_LENGTH": "many"}])
def test_holds_nothing_for_requests_that_were_refused(environ: dict[str, str]) -> None:
    busy = front()
    assert ask(through=busy, **environ)[0] == 400
    assert not busy.threads.held


def test_holds_nothing_after_an_error() -> None:
    def broken(environ: dict[str, Any], start_response: Callable[..., Any]) -> Parts:
        raise ZeroDivisionError

    busy = Front(broken, max_bytes=MOST, client_of=lambda _: "a", sharing_headers=lambda _: [])
    with pytest.raises(ZeroDivisionError):
        busy({"PATH_INFO": "/"}, lambda *_: None)
    assert [*busy.threads.held, *busy.working.held] == []


def test_holds_nothing_after_an_error_in_a_refusal() -> None:
    def broken(*_: Any) -> None:  # as gunicorn is to a header that it does not send
        raise ZeroDivisionError

    busy, language = front(), get_language()
    with pytest.raises(ZeroDivisionError):
        list(busy({"PATH_INFO": "\0", "HTTP_ACCEPT_LANGUAGE": "fr"}, broken))
    assert not busy.threads.held
    assert get_language() == language


@pytest.mark.django_db
def test_disconnected_client_causes_no_error_behind_the_front(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    body = Broken(ConnectionResetError())
    content_type = "multipart/form-data; boundary=b"
    environ = {"wsgi.input": body, "CONTENT_LENGTH": "9", "CONTENT_TYPE": content_type}
    response = client.post("/api/search/", **environ)
    assert (response.status_code, response.json()) == (400, {"detail": "The upload broke off."})
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
