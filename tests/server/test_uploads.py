"""What strangers send, and what a real gunicorn answers, with nothing before it."""

import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.conftest import jpeg
from tests.server.servers import FORM, HEAD, ORIGIN, Gunicorn, answer_of, heard, reset
from tests.waiting import PATIENCE
from visualsearch.gunicorn import threads

PHOTO = jpeg(1)
TOO_LARGE = '{"detail": "The request is too large; the maximum is 32 MB."}'
OWN = "Earlier requests are still being worked on. Please try again in a few seconds."
NOT_ONE = '{"non_field_errors":["Give one of file, image_url and product."]}'
UNREADABLE = (
    '{"file":["This is not a picture we can read. Use JPEG, PNG, WebP, GIF, AVIF or HEIF."]}'
)


def found(text: str) -> list[str]:
    return re.findall(r'"sku":"(\d)"', text)


@pytest.mark.parametrize("padding", [0, 2**20, 9 * 2**20], ids=["small", "1 MB", "9 MB"])
def test_photo_is_searched(gunicorn: Gunicorn, padding: int) -> None:
    status, text = gunicorn.search(PHOTO + bytes(padding))
    assert (status, found(text)[0]) == (200, "1")


def test_photo_in_chunks_is_searched(gunicorn: Gunicorn) -> None:
    body, kind = form(PHOTO)
    status, text = gunicorn.say(
        f"{HEAD}{kind}Transfer-Encoding: chunked\r\n\r\n", in_chunks(body, size=1000)
    )
    assert (status, found(text)[0]) == (200, "1")


def test_photo_of_eleven_megabytes_is_refused(gunicorn: Gunicorn) -> None:
    status, text = gunicorn.search(PHOTO + bytes(11 * 2**20))
    assert (status, text) == (413, '{"detail":"The file is too large; the maximum is 10 MB."}')


def test_body_that_is_announced_too_large_is_refused_unread(gunicorn: Gunicorn) -> None:
    assert gunicorn.say(f"{HEAD}{FORM}Content-Length: {10**12}\r\n\r\n") == (413, TOO_LARGE)


@pytest.mark.parametrize("megabytes", [33, 100])
def test_sender_of_a_body_that_is_too_large_gets_to_see_why(
    gunicorn: Gunicorn, folder: Path, megabytes: int
) -> None:
    assert gunicorn.search(bytes(megabytes * 2**20)) == (413, TOO_LARGE)
    assert list((folder / "tmp").glob("tmp*")) == []


def test_chunks_without_end_are_refused(gunicorn: Gunicorn, folder: Path) -> None:
    blocks = (bytes(2**20) for _ in range(100))
    url = f"{gunicorn.base}/api/search/"
    response = requests.post(url, blocks, headers={"Content-Type": "image/jpeg"}, timeout=PATIENCE)
    assert answer_of(response) == (413, TOO_LARGE)
    assert list((folder / "tmp").glob("tmp*")) == []


@pytest.mark.parametrize("kind", ["text/html", "application/x-sh", "image/svg+xml", "; charset=a"])
def test_type_that_is_claimed_counts_for_nothing(gunicorn: Gunicorn, kind: str) -> None:
    assert gunicorn.search(PHOTO, kind=kind).status == 200
    assert gunicorn.search(b"<html>hello</html>", kind="image/jpeg") == (400, UNREADABLE)


NAMES = {
    "../../../etc/passwd": 200,
    "..\\..\\windows\\win.ini": 200,
    "/etc/passwd": 200,
    "C:\\photo.jpg": 200,
    "....//....//photo.jpg": 200,
    "%2e%2e%2fphoto.jpg": 200,
    "photo.jpg\0.html": 200,
    "photo.jpg;rm -rf .": 200,
    "&#46;&#46;&#47;photo.jpg": 200,
    "a" * 900: 200,
    "\u202egpj.exe": 200,
    "-": 200,
    ".": 400,  # of these Django leaves no name, and so no file
    "..": 400,
    "\0": 400,
    "": 400,
    "a" * 5000: 400,
}


@pytest.mark.parametrize(
    ("name", "status"), NAMES.items(), ids=[f"{n[:20]!a} {len(n)}" for n in NAMES]
)
def test_name_leads_nowhere(gunicorn: Gunicorn, folder: Path, name: str, status: int) -> None:
    before = files(folder)
    body, kind = form(PHOTO, name=name)
    head = f"{HEAD}{kind}Content-Length: {len(body)}\r\n\r\n"
    answer = gunicorn.say(head, body.decode("latin-1"))
    assert answer.status == status
    assert found(answer.text)[:1] == (["1"] if status == 200 else [])
    assert files(folder) == before


@pytest.mark.parametrize(
    ("fields", "files"),
    [({"image_url": "http://example.com/"}, {"file": PHOTO}), ({"threshold": "0.5"}, {"x": PHOTO})],
    ids=["both", "neither"],
)
def test_file_and_address_both_or_neither_are_refused(
    gunicorn: Gunicorn, fields: dict[str, str], files: dict[str, bytes]
) -> None:
    response = requests.post(f"{gunicorn.base}/api/search/", fields, files=files, timeout=PATIENCE)
    assert answer_of(response) == (400, NOT_ONE)


def test_nothing_at_all_is_refused(gunicorn: Gunicorn) -> None:
    assert gunicorn.say(f"{HEAD}{FORM}Content-Length: 0\r\n\r\n") == (400, NOT_ONE)
    assert "empty" in gunicorn.search(b"").text


ODD = {
    "POST /api/search/ HTTP/1.1\r\nContent-Length: many": 400,
    "POST /api/search/ HTTP/1.1\r\nContent-Length: -1": 400,
    f"POST /api/search/ HTTP/1.1\r\nContent-Length: {10**30}": 400,
    "POST /api/search/ HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked": 400,
    "GET / HTTP/1.1\r\nContent-Type: text/plain; charset=rot13": 415,
    "GET / HTTP/1.1\r\nContent-Type: text/plain; charset*=idna''%ff": 415,
    "GET / HTTP/1.1\r\nContent-Type: text/plain; x*1=a; x*=b": 415,
    "POST / HTTP/1.1\r\nContent-Type: text/plain; charset=unicode_escape": 415,
    "GET /a%00b HTTP/1.1\r\nAccept: */*": 400,
    "GET /%ff%fe HTTP/1.1\r\nAccept: */*": 404,
    "OPTIONS * HTTP/1.1\r\nAccept: */*": 404,
    "GET /healthz HTTP/1.1\r\nSCRIPT_NAME: /elsewhere": 200,
    "GET /healthz HTTP/1.1\r\nContent-Type: text/plain; charset=UTF-8": 200,
}


@pytest.mark.parametrize(("head", "status"), ODD.items(), ids=[head[-40:] for head in ODD])
def test_odd_request_is_no_error_of_ours(gunicorn: Gunicorn, head: str, status: int) -> None:
    assert gunicorn.say(f"{head}\r\nHost: localhost\r\n\r\n").status == status


def test_refusal_can_be_read_by_scripts_of_the_shop(gunicorn: Gunicorn) -> None:
    for headers, status in (
        ({"Content_Length": str(10**12)}, 413),
        ({"Content_Type": "text/plain; charset=rot13; x*1=a; x*=b"}, 415),
        ({}, 400),  # by Django
    ):
        refused = gunicorn.shared("POST", "/api/search/", **headers)
        assert refused == (status, ORIGIN)
        assert gunicorn.shared("POST", "/", **headers) == (status, "")
        stranger = gunicorn.shared("POST", "/api/search/", "https://evil.example", **headers)
        assert stranger == (status, "")


@pytest.mark.parametrize("page", ["/", "/search", "/api/search/"])
def test_part_with_headers_that_django_stumbles_over_is_refused(
    gunicorn: Gunicorn, page: str
) -> None:
    part = "Content-Disposition: form-data; x*1=a; x*=b; name=file; filename=a"
    body = f"--b\r\n{part}\r\n\r\nphoto\r\n--b--\r\n"
    cookie = f"Cookie: csrftoken={'a' * 32}\r\n"  # or Django would not look into it
    head = f"POST {page} HTTP/1.1\r\nHost: localhost\r\n{cookie}{FORM}Content-Length: {len(body)}"
    assert gunicorn.say(f"{head}\r\n\r\n", body).status == 400


@pytest.mark.parametrize("goodbye", [socket.socket.close, reset])
@pytest.mark.parametrize("how", ["Content-Length: 99999", "Transfer-Encoding: chunked"])
def test_client_that_goes_away_is_not_worth_an_error(
    gunicorn: Gunicorn, goodbye: object, how: str
) -> None:
    before = gunicorn.log.read_text()
    for page in ("/api/search/", "/"):
        connection = gunicorn.connect()
        head = f"POST {page} HTTP/1.1\r\nHost: localhost\r\n{FORM}{how}\r\n\r\n1000\r\n--b\r\n"
        connection.sendall(head.encode())
        goodbye(connection)  # type: ignore[operator]
    assert gunicorn.search(PHOTO).status == 200
    said = gunicorn.log.read_text().removeprefix(before)
    assert not re.search("ERROR|Traceback", said), said


def test_uploads_that_stall_leave_threads_to_others_and_are_let_go(gunicorn: Gunicorn) -> None:
    head = f"{HEAD}{FORM}Content-Length: 99\r\n\r\n"
    with ExitStack() as open_ones:
        stalled = [open_ones.enter_context(gunicorn.connect("127.0.0.2")) for _ in range(threads)]
        for connection in stalled:
            connection.sendall(head.encode())
        assert gunicorn.search(PHOTO).status == 200
        answers = Counter(map(heard, stalled))
    assert answers.keys() == {
        (408, '{"detail": "The upload stalled."}'),
        (429, f'{{"detail": "{OWN}"}}'),
    }
    assert answers[408, '{"detail": "The upload stalled."}'] <= threads // 2 + threads // 4


@pytest.fixture(scope="module")
def cramped(environment: dict[str, str], folder: Path) -> Iterator[Gunicorn]:
    """A server that can write no file of more than 2 MB, and can make no media folder."""
    nowhere = {"MEDIA_ROOT": str(folder / "products.csv/media")}
    server = Gunicorn(environment | nowhere, folder / "cramped.log", most=2 * 2**20)
    yield server
    server.stop()


def test_photo_is_searched_without_a_media_folder(cramped: Gunicorn) -> None:
    status, text = cramped.search(PHOTO)
    assert (status, found(text)[0]) == (200, "1")


def test_photo_that_finds_no_room_on_the_disk_is_refused(cramped: Gunicorn) -> None:
    status, text = cramped.search(PHOTO + bytes(4 * 2**20))
    assert status == 503
    assert "no room for uploads" in text
    said = cramped.log.read_text()
    assert "An upload can't be stored: File too large." in said
    assert "Traceback" not in said


def files(folder: Path) -> set[Path]:
    """Everything but what the shop itself writes during a search."""
    ours = re.compile(r"cache|index|db\.sqlite3|photos(/[0-9a-f]{40})?$")
    return {path for path in folder.rglob("*") if not ours.search(str(path.relative_to(folder)))}


def form(photo: bytes, *, name: str = "photo.jpg") -> tuple[bytes, str]:
    """A form with a photo under a name, byte for byte, and its header."""
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return head.encode() + photo + b"\r\n--b--\r\n", FORM


def in_chunks(body: bytes, *, size: int) -> str:
    blocks = (body[place : place + size] for place in range(0, len(body), size))
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(block), block) for block in blocks)
    return (chunks + b"0\r\n\r\n").decode("latin-1")
