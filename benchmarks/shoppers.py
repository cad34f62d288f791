"""What shoppers do in `benchmarks/load.py`, and what they take for a wrong answer."""

import os
from pathlib import Path
from secrets import choice, randbelow
from time import monotonic
from typing import Any

from clerk import BASE, photo
from locust import HttpUser, between, task

GRACE = 2.0  # seconds after which nobody may find what is gone
WRONG = "wrong answer"
PHOTOS = [photo(number) for number in range(BASE)]


class Shopper(HttpUser):
    """Searches by photo, by address and again, and looks around."""

    wait_time = between(0.1, 0.5)  # seconds

    def on_start(self) -> None:
        # As a proxy names them: each shopper has an address of its own.
        self.client.headers["X-Forwarded-For"] = f"198.51.100.{randbelow(250)}"
        self.queries: list[tuple[str, int]] = [("", 0)]  # and the products they must find first
        self.pictures: list[str] = []
        self.upload()

    @task(4)
    def upload(self) -> None:
        number = randbelow(BASE)
        unseen = PHOTOS[number] + os.urandom(8)  # so that its vector is in no cache
        self.search("upload", number, files={"file": ("photo.jpg", unseen, "image/jpeg")})

    @task(2)
    def address(self) -> None:
        number = randbelow(BASE)
        unseen = f"http://{os.environ['PICTURES']}/{number}.jpg?{os.urandom(4).hex()}"
        self.search("address", number, data={"image_url": unseen})

    @task(4)
    def again(self) -> None:
        query, number = choice(self.queries)
        options = {"query": query, "threshold": choice((0.3, 0.7)), "limit": 100}
        self.search("again", number, params=options)

    @task(3)
    def browse(self) -> None:
        self.client.get("/", name="home")
        self.client.get(f"/products/?page={1 + randbelow(4)}", name="products")
        self.client.get(f"/products/{1 + randbelow(BASE)}/", name="product")
        self.client.get(f"/?query={choice(self.queries)[0]}", name="results")
        self.client.get(choice(self.pictures), name="picture")

    def search(self, name: str, number: int, **given: Any) -> None:
        """Ask for something that must find this product of the base first, and nothing gone."""
        method, began = "GET" if "params" in given else "POST", monotonic()
        request = self.client.request(
            method, "/api/search/", name=name, catch_response=True, **given
        )
        with request as response:
            if response.status_code == 429:
                response.success()
            elif response.status_code != 200:
                response.failure(f"status {response.status_code}")
            elif fault := _fault(response.json(), number, began):
                response.failure(f"{WRONG}: {fault}")
            else:
                answer = response.json()
                self.queries = [*self.queries, (answer["query"]["id"], number)][-20:]
                self.queries = [query for query in self.queries if query[0]]
                self.pictures = [answer["results"][0]["image_src"]]  # of the base, so it stays


def _fault(answer: Any, number: int, began: float) -> str:
    """What is wrong with the answer to a question of this time, "" if nothing is."""
    found = [result["sku"] for result in answer["results"]]
    if found[:1] != [f"base-{number}"]:
        return f"base-{number} is not the first"
    gone = _gone()
    ghosts = any(began > gone.get(sku, began) + GRACE for sku in found)
    return "a product that was gone" if ghosts else ""


def _gone() -> dict[str, float]:
    """SKUs, and when they were gone by the clock that all processes share."""
    lines = Path(os.environ["GONE"]).read_text().splitlines()
    return {sku: float(when) for sku, when in map(str.split, lines)}
