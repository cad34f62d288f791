"""How many modules the four flows of `docs/architecture.md` pass through.

A module counts if one of its functions is called, middleware included. Lower a limit whenever a
flow gets shorter; raise one only together with the list in the document.
"""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from catalog.importers import import_products
from catalog.models import Product
from search.engines import Scope, get_engine
from search.queries.query import query_by_product
from tests.conftest import MakeProduct, Picture
from visualsearch import settings as shop

ROOT = Path(__file__).parent.parent
HOUSE = tuple(f"{ROOT / name}/" for name in ("catalog", "search", "visualsearch"))


def modules_of(flow: Callable[[], object]) -> set[str]:
    """The project's modules in which a function is called while the flow runs, in any thread."""
    seen: set[str] = set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_name != "<module>" and code.co_filename.startswith(HOUSE):
            seen.add(str(Path(code.co_filename).relative_to(ROOT)))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        flow()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]  # what typeshed leaves out
    return seen


def check(modules: set[str], *, most: int) -> None:
    """Name the modules, so that a failure shows which one is new."""
    assert len(modules) <= most, "\n".join(sorted(modules))


def test_photo_to_json(
    client: Client, make_product: MakeProduct, picture: Picture, settings: Any
) -> None:
    """A photo that was never sent before, in a process that has already served a search."""
    settings.SEARCH_RATE = shop.SEARCH_RATE
    settings.INDEX_REFRESH_SECONDS = 600  # between two looks at the database
    make_product(image=picture(1))

    def search(seed: int) -> None:
        photo = SimpleUploadedFile("photo.jpg", picture(seed))
        assert client.post("/api/search/", {"file": photo}).status_code == 200

    search(2)
    check(modules_of(lambda: search(3)), most=35)


def test_saved_product_to_findable(make_product: MakeProduct, picture: Picture) -> None:
    make_product(image=picture(1))
    check(modules_of(lambda: make_product(image=picture(2))), most=20)


@pytest.mark.django_db
def test_row_to_product(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "mug.jpg").write_bytes(picture(1))
    file = tmp_path / "products.csv"
    file.write_text("id,name,category,image_url,price\n1,Mug,Home,mug.jpg,9.90\n")
    check(modules_of(lambda: list(import_products(file))), most=15)
    assert Product.objects.count() == 1


def test_query_over_the_matrix(make_product: MakeProduct, picture: Picture, embedder: Any) -> None:
    product = make_product(image=picture(1))
    query = query_by_product(product.pk, embedder)

    def rank() -> None:
        corpus = get_engine().candidates(query.embedder, query.vector, Scope())
        corpus.rank(query.vector, 12)

    rank()
    check(modules_of(rank), most=8)
