"""How soon, how fast and how fresh does a running shop answer?

    python benchmarks/serving.py [PHOTOS]

Fills a folder that is thrown away with 10,000 products, whose vectors are those of real pictures
(see `vectors`; PHOTOS is the folder they are made from), writes the snapshot, starts gunicorn as
`make run` does and asks it over HTTP. Clients and server share the machine's cores.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from http.client import HTTPConnection
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from statistics import median, quantiles
from threading import Event, Thread
from time import monotonic, perf_counter, sleep
from typing import Any

import clerk
import numpy as np
from PIL import Image
from report import machine, write_section
from shop import Server, clerks, fill, manage, memory, new_shop, serve
from vectors import ROOT, catalog_vectors, held_out

PRODUCTS = 10_000
BOUNDARY = "visualsearch"
STAGES = ("decode", "embed", "rank")

Rows = Iterator[tuple[str, str]]  # what was measured, and how it was


def main(photos: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = new_shop(Path(folder))
        with clerks(environment) as staff:
            staff.submit(_fill, photos).result()
            manage(environment, "build_embeddings")
            uploads = _shoppers_photos(photos)
            with serve(environment) as server:
                rows = [*_first_answer(server, uploads[0]), *_latency(server.port, uploads)]
                rows += [*_throughput(server.port, uploads), *_freshness(server.port, staff)]
                held = f"{memory(server.pid):.0f} MiB"
                rows.append(("memory of the web process at the end", held))
    write_section("serving", f"## Serving\n\n{_setting(photos)}\n\n{_table(rows)}")


def _fill(photos: Path) -> None:
    fill(catalog_vectors(photos, PRODUCTS))


class Client:
    """One connection to the server, from an address of this machine."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self._connection = HTTPConnection("127.0.0.1", port, 60, (source, 0))

    def upload(self, photo: bytes) -> Any:
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        )
        body = head.encode() + photo + f"\r\n--{BOUNDARY}--\r\n".encode()
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        return self._ask("POST", "/api/search/", body, kind)

    def again(self, query: str, **options: object) -> Any:
        given = "".join(f"&{name}={value}" for name, value in options.items())
        return self._ask("GET", f"/api/search/?query={query}{given}")

    def _ask(self, *request: Any) -> Any:
        self._connection.request(*request)
        response = self._connection.getresponse()
        answer = json.loads(response.read())
        if response.status != 200:
            raise SystemExit(f"{response.status}: {answer}")
        return answer


def _first_answer(server: Server, photo: bytes) -> Rows:
    while True:
        try:
            answer = Client(server.port).upload(photo)
        except ConnectionRefusedError:
            sleep(0.01)
        else:
            break
    found = f"first answer after the start, of {answer['index']['products']:,} products"
    yield found, f"{perf_counter() - server.started:.2f} s"
    yield "memory of the web process after it", f"{memory(server.pid):.0f} MiB"


def _latency(port: int, photos: list[bytes]) -> Rows:
    client, size = Client(port), sum(map(len, photos)) // len(photos) // 1000
    total, stages = [], []
    for number in range(120):
        photo = _unseen(photos[number % len(photos)], f"latency {number}")
        started = perf_counter()
        answer = client.upload(photo)
        total.append(1000 * (perf_counter() - started))
        stages.append([answer["timings_ms"][name] for name in STAGES])
    if not all(embed for _, embed, _ in stages):
        raise SystemExit("A vector was in the cache: nothing was measured.")
    rest = [whole - sum(parts) for whole, parts in zip(total, stages, strict=True)]
    yield f"upload of {size} kB, median of {len(total)}", f"{median(total):.1f} ms"
    for name, column in zip(STAGES, zip(*stages, strict=True), strict=True):
        yield f"of which {name}", f"{median(column):.1f} ms"
    yield "of which all else", f"{median(rest):.1f} ms"
    yield f"upload of {size} kB, 95 %", f"{quantiles(total, n=20)[-1]:.1f} ms"


def _throughput(port: int, photos: list[bytes], seconds: float = 8) -> Rows:
    with ProcessPoolExecutor(4, get_context("spawn")) as clients:
        sources = [f"127.0.0.{number}" for number in range(1, 5)]
        counts = clients.map(_upload_for, [port] * 4, sources, [photos] * 4, [seconds] * 4)
        yield "answers a second to four clients", f"{sum(counts) / seconds:.0f}"


def _upload_for(port: int, source: str, photos: list[bytes], seconds: float) -> int:
    client = Client(port, source)
    client.upload(photos[0])
    end, count = perf_counter() + seconds, 0
    while perf_counter() < end:
        client.upload(_unseen(photos[count % len(photos)], f"{os.getpid()} {count}"))
        count += 1
    return count


def _freshness(port: int, staff: ProcessPoolExecutor, saves: int = 60) -> Rows:
    """From the commit of a save in another process until a search finds the product."""
    client, stop = Client(port), Event()
    searcher = Thread(target=_search_steadily, args=(port, stop))
    searcher.start()
    delays = []
    for number in range(saves):
        query, sku = client.upload(clerk.photo(number))["query"]["id"], f"new-{number}"
        committed = staff.submit(clerk.save, sku, number).result()
        while not any(found["sku"] == sku for found in client.again(query, limit=100)["results"]):
            sleep(0.01)
        delays.append(monotonic() - committed)
    stop.set()
    searcher.join()
    searched = f"save to findable, {saves} saves beside 20 searches a second"
    yield f"{searched}: median", f"{median(delays):.2f} s"
    yield f"{searched}: 95 %", f"{quantiles(delays, n=20)[-1]:.2f} s"


def _search_steadily(port: int, stop: Event) -> None:
    client, photo = Client(port), clerk.photo(clerk.BASE)
    while not stop.wait(0.05):
        client.upload(_unseen(photo, str(perf_counter())))


def _shoppers_photos(folder: Path) -> list[bytes]:
    """Six that the catalog has no piece of, each some 500 kB as phones send them."""
    files = held_out(folder)
    return [_grainy(Image.open(file), 1800) for file in files[:: len(files) // 6][:6]]


def _grainy(picture: Image.Image, side: int) -> bytes:
    """The picture at this longer side, with a camera's grain, as JPEG."""
    scale = side / max(picture.size)
    size = round(scale * picture.width), round(scale * picture.height)
    smooth = np.asarray(picture.convert("RGB").resize(size, Image.Resampling.BICUBIC), np.int16)
    grain = np.random.default_rng(0).integers(-14, 15, smooth.shape, dtype=np.int16)
    output = BytesIO()
    grainy = np.clip(smooth + grain, 0, 255).astype(np.uint8)
    Image.fromarray(grainy).save(output, "JPEG", quality=85)
    return output.getvalue()


def _unseen(photo: bytes, mark: str) -> bytes:
    """The same picture in other bytes, so that its vector is not in the cache."""
    return photo + mark.encode()


def _setting(photos: Path) -> str:
    return (
        f"`python benchmarks/serving.py {photos.name}`: one process, asked over HTTP by clients on "
        f"the same machine. {machine()} The photos are held out of the catalog, and none is "
        "asked twice."
    )


def _table(rows: list[tuple[str, str]]) -> str:
    return "\n".join(["| | |", "|---|--:|", *(f"| {what} | {how} |" for what, how in rows)])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "fixtures" / "images")
