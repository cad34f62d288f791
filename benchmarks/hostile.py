"""How long do other shoppers wait while one client sends the worst that is allowed?

    python benchmarks/hostile.py [SECONDS [PROCESSES [NAME]]]

Starts a shop of 5,000 products in a folder that is thrown away, as `make run` does. Ten shoppers
search by photo, each once a second, with photos that nobody has sent before; another one opens the
list of products. Meanwhile one client sends the worst requests of each kind: as often as
SEARCH_RATE and FETCH_RATE let it, and without a pause where nothing limits it; NAME chooses one
kind. `request_costs.py` tells what single requests cost.
"""

import http.client
import json
import os
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from io import BytesIO
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median, quantiles
from threading import Event, Thread
from time import monotonic, sleep
from urllib.parse import urlencode

import numpy as np
from PIL import Image
from report import machine, write_section
from shop import Server, clerks, fill, free_port, manage, new_shop, serve

PRODUCTS, SHOPPERS = 5_000, 10
CONNECTIONS = 40  # of the hostile client; more than gunicorn has threads
RATE, FETCH_RATE = 10.0, 1.0  # requests a second, as SEARCH_RATE and FETCH_RATE admit by default
ATTACKER = "203.0.113.66"
TIMEOUT = 60  # seconds
BOUNDARY = "b"

Answers = Counter[str]  # by status
Send = Callable[[int], str]  # sends one request, the n-th; its status
numbers = count()


@dataclass(frozen=True)
class Attack:
    """What the hostile client does over and over."""

    name: str
    send: Send
    rate: float = RATE  # requests a second


@dataclass(frozen=True)
class Row:
    """What the others noticed of an attack."""

    attack: str
    seconds: list[float]  # of each search that was answered
    pages: list[float]  # the same of pages of products
    failed: int
    answers: Answers  # to the hostile client


def main(seconds: str = "20", processes: str = "1", name: str = "") -> None:
    slow = free_port()
    with tempfile.TemporaryDirectory() as folder, _slow_server(slow):
        environment = new_shop(
            Path(folder),
            NUM_PROXIES="1",
            WEB_CONCURRENCY=processes,
            FETCH_ALLOWED_HOSTS=f"127.0.0.1:{slow}",
        )
        with clerks(environment) as staff:
            staff.submit(_fill).result()
            manage(environment, "build_embeddings")
        with serve(environment) as server:
            _until_ready(server)
            rows = [
                _measure(server, attack, float(seconds))
                for attack in _attacks(server.port, slow)
                if attack.name in ("none", name or attack.name)
            ]
    if not name:
        title = f"## Beside a hostile client, web processes: {processes}"
        text = f"{title}\n\n{_setting(seconds, processes)}\n\n{_table(rows)}"
        write_section(f"hostile-{processes}", text)


def _fill() -> None:
    rows = np.random.default_rng(0).standard_normal((PRODUCTS, 1280)).astype(np.float32)
    fill(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    # An explanation opens the product's picture. All products have the same one, of the usual size.
    pictures = Path(os.environ["VAR_DIR"]) / "media/products"
    pictures.mkdir(parents=True)
    first = pictures / "0.jpg"
    first.write_bytes(encoded(Image.open(BytesIO(ordinary(0))).resize((1200, 900)), "JPEG"))
    for number in range(1, PRODUCTS):
        (pictures / f"{number}.jpg").hardlink_to(first)


def _until_ready(server: Server) -> None:
    for number in range(10):
        while True:
            with suppress(OSError):
                if upload(server.port, "198.51.100.1", ordinary(number)) == "200":
                    break
            sleep(0.1)
    ask(server.port, "198.51.100.1", None, "", "/products/")


# What is sent


def _attacks(port: int, slow: int) -> Iterator[Attack]:
    """The attacks, first none. Each picture is made when its turn comes."""
    yield Attack("none", lambda _: "", rate=0.1)
    for name, picture in PICTURES.items():
        data = picture()
        yield Attack(name, lambda n, data=data: upload(port, ATTACKER, unseen(data, n)))
    query = json.loads(ask(port, ATTACKER, *form(flat_png()))[1])["query"]["id"]

    def crop(number: int) -> str:
        at = f"{number % 97 / 1000},{number % 89 / 1000},0.5,0.5"
        return get(port, "/api/search/", query=query, crop=at)

    def explain(number: int) -> str:
        at = f"{number % 97 / 1000},{number % 89 / 1000},0.5,0.5"
        return get(port, f"/api/search/{query}/explain/{1 + number % PRODUCTS}/", crop=at)

    def address(number: int) -> str:
        url = f"http://127.0.0.1:{slow}/{number}.jpg"
        body = urlencode({"image_url": url}).encode()
        return ask(port, ATTACKER, body, "application/x-www-form-urlencoded")[0]

    def listing(number: int) -> str:
        words = " ".join(f"{letter}{number % 10}" for letter in "product")
        return get(port, "/api/products/", search=words, limit=100)

    def facets(number: int) -> str:
        options = {"threshold": 0, "limit": 100, "page": 1 + number % 50, "ordering": "price"}
        ids = ",".join(str(1 + (number + each) % PRODUCTS) for each in range(20))
        return get(port, "/api/search/", query="product-1", more=ids, less=ids, **options)

    yield Attack("crops of a kept 50-megapixel PNG", crop)
    yield Attack("explanations of the same", explain)
    yield Attack("searches with every option", facets)
    yield Attack("addresses of a slow server", address, FETCH_RATE)
    yield Attack("uploads that trickle", partial(_trickle, port), rate=1000)
    yield Attack("photos of 10 MB, without a pause", _heavy(port), rate=1000)
    yield Attack("lists of products, without a pause", listing, rate=1000)
    yield Attack("pages of products", lambda n: get(port, "/products/", q=str(n)), rate=1000)
    yield Attack("the map", lambda _: get(port, "/api/map/"))
    yield Attack("passwords from 48 addresses", partial(_guess, port), rate=1000)
    png, jpeg = flat_png(), progressive_jpeg()
    mixed = (
        lambda n: upload(port, ATTACKER, unseen(png, n)),
        crop,
        explain,
        listing,
        lambda n: upload(port, ATTACKER, unseen(jpeg, n)),
        partial(_trickle, port),
    )
    yield Attack("all of these in turns", lambda n: mixed[n % len(mixed)](n), rate=2 * RATE)


def _heavy(port: int) -> Send:
    data = ordinary(0) + bytes(9_000_000)
    return lambda number: upload(port, ATTACKER, unseen(data, number))


def _guess(port: int, number: int) -> str:
    """A guess of the owner's password. A page's token for forms need not be fetched to be valid."""
    token = "a" * 32
    fields = {"username": "owner", "password": "12345678", "csrfmiddlewaretoken": token}
    kind = "application/x-www-form-urlencoded"
    client, body = f"203.0.113.{number % 48}", urlencode(fields).encode()
    return ask(port, client, body, kind, "/admin/login/", Cookie=f"csrftoken={token}")[0]


@cache
def flat_png() -> bytes:
    """Seven thousand by seven thousand pixels in one colour, in some 150 kB."""
    return encoded(Image.new("RGB", (7071, 7071), "teal"), "PNG")


@cache
def progressive_jpeg() -> bytes:
    """Fifty megapixels in ten scans."""
    noise = np.random.default_rng(1).integers(0, 256, (500, 750, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((8640, 5760), Image.Resampling.BILINEAR)
    return encoded(picture, "JPEG", quality=60, progressive=True)


def large_webp() -> bytes:
    """Twenty-four megapixels, as a phone has them."""
    noise = np.random.default_rng(2).integers(0, 256, (428, 571, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((5712, 4284), Image.Resampling.BILINEAR)
    return encoded(picture, "WEBP", quality=50, method=0)


PICTURES = {
    "flat PNG of 50 megapixels": flat_png,
    "progressive JPEG of 50 megapixels": progressive_jpeg,
    "WebP of 24 megapixels": large_webp,
}


def ordinary(number: int) -> bytes:
    """A photo as shoppers send them: 1600 by 1200, with grain, some 500 kB."""
    chance = np.random.default_rng(number)
    coarse = Image.fromarray(chance.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((1600, 1200), Image.Resampling.BICUBIC), np.int16)
    grain = chance.integers(-14, 15, smooth.shape, dtype=np.int16)
    return encoded(Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8)), "JPEG")


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    output = BytesIO()
    picture.save(output, kind, **options)
    return output.getvalue()


def unseen(photo: bytes, number: int) -> bytes:
    """The same picture in other bytes, so that its vector is not in the cache."""
    return photo + f"{number} {monotonic()}".encode()


def form(photo: bytes) -> tuple[bytes, str]:
    """The body of an upload and its type."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    body = head.encode() + photo + f"\r\n--{BOUNDARY}--\r\n".encode()
    return body, f"multipart/form-data; boundary={BOUNDARY}"


def upload(port: int, client: str, photo: bytes) -> str:
    """Search with a photo; the status."""
    return ask(port, client, *form(photo))[0]


def get(port: int, path: str, **parameters: object) -> str:
    """Ask as the hostile client; the status."""
    return ask(port, ATTACKER, None, "", f"{path}?{urlencode(parameters)}")[0]


def ask(
    port: int,
    client: str,
    body: bytes | None,
    kind: str,
    path: str = "/api/search/",
    **more: str,
) -> tuple[str, bytes]:
    """Status and body of an answer; "broken" where there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    headers = {"X-Forwarded-For": client, "Connection": "close", **more}
    try:
        connection.request(
            "GET" if body is None else "POST",
            path,
            body,
            headers | ({"Content-Type": kind} if body else {}),
        )
        answer = connection.getresponse()
        return str(answer.status), answer.read()
    except (OSError, http.client.HTTPException):
        return "broken", b""
    finally:
        connection.close()


def _trickle(port: int, number: int) -> str:
    """An upload of which a byte arrives every few seconds, for a while."""
    head = (
        f"POST /api/search/ HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {ATTACKER}\r\n"
        "Content-Type: image/jpeg\r\nContent-Length: 1000\r\n\r\n"
    )
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        connection.sendall(head.encode())
        connection.settimeout(3)
        for _ in range(5):
            with suppress(TimeoutError):
                return connection.recv(100).split()[1].decode()
            connection.sendall(b"a")
        return "trickled"
    return "broken"


@contextmanager
def _slow_server(port: int) -> Iterator[None]:
    """A server that sends a byte every half second."""

    def drip(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(10_000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while True:
                sleep(0.5)
                connection.sendall(b"a")

    def listen() -> None:
        while True:
            connection, _ = listener.accept()
            Thread(target=drip, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", port), backlog=100) as listener:
        Thread(target=listen, daemon=True).start()
        yield


# What is measured


def _measure(server: Server, attack: Attack, seconds: float) -> Row:
    """Let the shoppers search while the attack goes on."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    # Shoppers have a process of their own, or the hostile client's work would slow them down.
    shoppers = context.Process(target=_shop, args=(theirs, server.port, seconds))
    shoppers.start()
    ours.recv()  # the photos are ready
    end = Event()
    answers: Answers = Counter()
    with ThreadPoolExecutor(CONNECTIONS) as connections:
        pace = count()
        started = monotonic()
        for _ in range(CONNECTIONS):
            connections.submit(_attack, attack, pace, started, end, answers)
        sleep(1)
        ours.send("go")
        searches, pages = ours.recv()
        end.set()
    shoppers.join()
    answered = [each for each in searches if each], [each for each in pages if each]
    row = Row(attack.name, *answered, (searches + pages).count(0.0), answers)
    print(_line(row), flush=True)
    return row


def _attack(attack: Attack, pace: "count[int]", started: float, end: Event, to: Answers) -> None:
    """One of the connections: it sends the next request when that is due."""
    for number in pace:
        if end.wait(max(0.0, started + number / attack.rate - monotonic())):
            return
        to[attack.send(next(numbers))] += 1


def _shop(pipe: Connection, port: int, seconds: float) -> None:
    """Ten shoppers, each with an address of its own."""
    photos = [ordinary(number) for number in range(SHOPPERS)]
    pipe.send("ready")
    pipe.recv()
    end = monotonic() + seconds
    with ThreadPoolExecutor(SHOPPERS + 1) as threads:
        pages = threads.submit(_browse, port, end)
        results = list(threads.map(partial(_search, port, end), range(SHOPPERS), photos))
    pipe.send(([each for result in results for each in result], pages.result()))


def _search(port: int, end: float, shopper: int, photo: bytes) -> list[float]:
    """Search about once a second; the seconds until each answer, 0 for a failure."""
    taken = []
    sleep(shopper / SHOPPERS)
    while (started := monotonic()) < end:
        status = upload(port, f"198.51.100.{shopper}", unseen(photo, shopper))
        taken.append(monotonic() - started if status == "200" else 0.0)
        sleep(max(0.0, 0.8 + 0.04 * shopper - (monotonic() - started)))  # soon out of step
    return taken


def _browse(port: int, end: float) -> list[float]:
    """Open the page of products four times a second; the seconds of each, 0 for a failure."""
    taken = []
    while (started := monotonic()) < end:
        status, _ = ask(port, "198.51.100.200", None, "", "/products/")
        taken.append(monotonic() - started if status == "200" else 0.0)
        sleep(max(0.0, 0.25 - (monotonic() - started)))
    return taken


def _setting(seconds: str, processes: str) -> str:
    return (
        f"`python benchmarks/hostile.py {seconds} {processes}`: {SHOPPERS} shoppers search by "
        f"photo once a second for {seconds} seconds beside each attack, and another one opens the "
        f"list of products. {machine()}"
    )


def _table(rows: list[Row]) -> str:
    head = "| sent meanwhile | searches: median s | 95 % s | pages: 95 % s | failed | answered |"
    return "\n".join([head, "|---|--:|--:|--:|--:|---|", *map(_line, rows)])


def _line(row: Row) -> str:
    middle = median(row.seconds) if row.seconds else 0.0
    p95, pages = (
        quantiles(taken, n=20)[-1] if len(taken) > 1 else 0.0 for taken in (row.seconds, row.pages)
    )
    own = ", ".join(
        f"{times} x {status}" for status, times in sorted(row.answers.items()) if status
    )
    asked = len(row.seconds) + len(row.pages) + row.failed
    failed = f"{row.failed} of {asked}"
    return f"| {row.attack} | {middle:.2f} | {p95:.2f} | {pages:.2f} | {failed} | {own} |"


if __name__ == "__main__":
    main(*sys.argv[1:4])
