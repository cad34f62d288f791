"""The documented set-up: nginx takes what is slow, large or odd, and gunicorn has time."""

import re
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
import requests

from tests.conftest import jpeg
from tests.server.servers import FORM, HEAD, ORIGIN, ROOT, Nginx, answer_of, heard, stall
from tests.waiting import PATIENCE, until
from visualsearch.front import SILENCE

STRANGERS = tuple(f"127.0.0.{number}" for number in range(3, 7))
HALF_A_HEAD = "POST /api/search/ HTTP/1.1\r\nHost: loc"
HALF_A_BODY = f"{HEAD}{FORM}Content-Length: 100000\r\n\r\n--b\r\n"


def test_photo_is_searched(nginx: Nginx) -> None:
    status, text = nginx.search(jpeg(1))
    assert (status, '"sku":"1"' in text) == (200, True)


def test_photo_is_searched_while_128_uploads_stall(nginx: Nginx) -> None:
    heads = stall(nginx, HALF_A_HEAD, sources=STRANGERS, times=64)
    bodies = stall(nginx, HALF_A_BODY, sources=STRANGERS, times=64)
    with heads, bodies:
        for seed in range(6):
            started = monotonic()
            status, text = nginx.search(jpeg(seed))
            assert (status, f'"sku":"{seed}"' in text) == (200, True)
            assert monotonic() - started < SILENCE, "gunicorn would be held up as long as that"
        assert requests.get(f"{nginx.base}/healthz", timeout=PATIENCE).text == "ok\n"


def test_one_address_has_32_requests_at_a_time(nginx: Nginx) -> None:
    with stall(nginx, HALF_A_BODY, sources=("127.0.0.9",), times=40):
        with nginx.connect("127.0.0.9") as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            status, text = heard(connection)
        assert nginx.shared("GET", "/api/categories/", source="127.0.0.9") == (429, ORIGIN)
        assert nginx.search(jpeg(1)).status == 200, "others have theirs"
    assert status == 429
    assert text.startswith('{"detail": "Too many requests from your address')


def test_one_address_has_few_logins_at_a_time(nginx: Nginx) -> None:
    page = f"{nginx.base}/admin/login/"
    refused = until(lambda: requests.post(page, timeout=PATIENCE), lambda r: r.status_code == 429)
    assert refused.json() == {"detail": "Too many requests from your address. Try again soon."}
    for path in ("/admin/login/", "/products/"):
        assert requests.get(f"{nginx.base}{path}", timeout=PATIENCE).status_code == 200


def test_photo_in_chunks_is_searched(nginx: Nginx) -> None:
    status, text = answer_of(in_chunks(nginx, jpeg(1)))
    assert (status, '"sku":"1"' in text) == (200, True)


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "in chunks"])
def test_hundred_megabytes_are_refused_and_leave_nothing_behind(
    nginx: Nginx, folder: Path, chunked: bool
) -> None:
    body = bytes(100 * 2**20)
    status, text = answer_of(in_chunks(nginx, body)) if chunked else nginx.search(body)
    assert (status, text) == (413, '{"detail": "The request is too large; the maximum is 32 MB."}')
    assert [*nginx.bodies.iterdir(), *(folder / "tmp").rglob("tmp*")] == []


def test_forged_address_does_not_renew_what_a_client_may_do(nginx: Nginx) -> None:
    def fetch(forged: str) -> int:
        headers = {"X-Forwarded-For": forged}
        fields = {"image_url": "http://127.0.0.1/"}
        url = f"{nginx.base}/api/search/"
        return requests.post(url, fields, headers=headers, timeout=PATIENCE).status_code

    # Two a minute: five can't all get through, even where one minute ends and the next begins.
    assert 429 in [fetch(f"198.51.100.{number}") for number in range(5)]


def test_pictures_are_served_with_a_fixed_type_and_for_ever(nginx: Nginx, folder: Path) -> None:
    picture = next((folder / "media/pictures").rglob("*.jpg"))
    response = requests.get(f"{nginx.base}/{picture.relative_to(folder)}", timeout=PATIENCE)
    assert (response.status_code, response.content) == (200, picture.read_bytes())
    assert response.headers["Content-Type"] == "image/jpeg"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_scripts_of_the_shop_read_what_nginx_answers(nginx: Nginx, folder: Path) -> None:
    picture = next((folder / "media/pictures").rglob("*.jpg")).relative_to(folder)
    too_long = {"Content_Length": str(10**9)}
    for method, path, status, headers in (
        ("GET", f"/{picture}", 200, {}),
        ("GET", "/media/pictures/none.jpg", 404, {}),
        ("GET", "/api/categories/", 200, {}),  # Django's headers, passed on once
        ("POST", "/api/search/", 413, too_long),
        ("POST", "/search", 413, too_long),
    ):
        assert nginx.shared(method, path, **headers) == (status, ORIGIN)
        assert nginx.shared(method, path, "https://evil.example", **headers) == (status, "")
    assert nginx.shared("POST", "/", **too_long) == (413, "")
    vary = requests.get(f"{nginx.base}/{picture}", timeout=PATIENCE).headers["Vary"]
    assert vary == "Origin"


@pytest.fixture
def stray(folder: Path) -> Iterator[Path]:
    """Beside the pictures: a file of the shop under a picture's name, a page, and bytes."""
    media = folder / "media"
    (media / "link.jpg").symlink_to(folder / "products.csv")
    (media / "page.html").write_text("<script>alert(1)</script>")
    (media / "bytes.bin").write_bytes(b"abc")
    yield media
    for name in ("link.jpg", "page.html", "bytes.bin"):
        (media / name).unlink()


@pytest.mark.parametrize(
    "path",
    ["page.html", "bytes.bin", "link.jpg", "", "pictures/", "../products.csv", "%2e%2e/0.jpg"],
)
def test_nothing_else_is_served_from_the_media_folder(nginx: Nginx, stray: Path, path: str) -> None:
    assert nginx.say(f"GET /media/{path} HTTP/1.1\r\nHost: x\r\n\r\n").status in (400, 403, 404)


def test_styles_are_compressed_and_pages_are_not(nginx: Nginx) -> None:
    assert encoding(nginx, "/static/pages.css") == "gzip"
    assert encoding(nginx, "/") is None


def test_widget_is_compressed_and_kept_and_shared(nginx: Nginx) -> None:
    widget = f"{nginx.base}/static/widget/1.0/visual-search.js"
    response = requests.get(widget, headers={"Origin": "https://any.example"}, timeout=PATIENCE)
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cache-Control"] == "max-age=315360000, public, immutable"


def test_shop_that_is_away_is_said_to_be(folder: Path, tmp_path: Path, nginx: Nginx) -> None:
    alone = Nginx(tmp_path, folder / "media", gunicorn_port=9)
    try:
        response = requests.get(f"{alone.base}/", timeout=PATIENCE)
        assert alone.shared("GET", "/api/categories/") == (503, ORIGIN)
        assert alone.shared("GET", "/") == (503, "")
    finally:
        alone.stop()
    assert (response.status_code, response.headers["Retry-After"]) == (503, "10")
    assert response.json() == {"detail": "The shop is not available at the moment. Try again soon."}


def test_limit_is_that_of_the_settings() -> None:
    conf = (ROOT / "docs/deploy/nginx.conf").read_text()
    example = (ROOT / ".env.example").read_text()
    most = re.findall(r"client_max_body_size (\d+)m;", conf)
    assert most == re.findall(r"#MAX_BODY_MB=(\d+)", example) != []
    assert f"the maximum is {most[0]} MB" in conf


def in_chunks(nginx: Nginx, photo: bytes) -> requests.Response:
    """What comes back for a form without a length."""
    form = requests.Request("POST", nginx.base, files={"file": photo}).prepare()
    body, kind = bytes(form.body or b""), {"Content-Type": form.headers["Content-Type"]}
    blocks = (body[place : place + 65536] for place in range(0, len(body), 65536))
    return requests.post(f"{nginx.base}/api/search/", blocks, headers=kind, timeout=PATIENCE)


def encoding(nginx: Nginx, path: str) -> str | None:
    response = requests.get(nginx.base + path, timeout=PATIENCE)
    assert response.status_code == 200
    return response.headers.get("Content-Encoding")


def test_metrics_are_not_passed_on(nginx: Nginx) -> None:
    assert requests.get(f"{nginx.base}/metrics", timeout=PATIENCE).status_code == 404


def test_log_has_the_id_of_the_answer_and_not_who_asked_for_what(nginx: Nginx) -> None:
    answer = requests.get(f"{nginx.base}/products/?search=secret", timeout=PATIENCE)
    log = nginx.log.with_name("access.log")
    line = until(log.read_text, lambda text: answer.headers["X-Request-ID"] in text)
    assert "127.0.0." not in line
    assert "secret" not in line
