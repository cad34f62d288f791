"""Writers and searchers at the same time."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from django.core.files.base import ContentFile
from django.db import connection

from catalog.models import Category, Product
from search.engines.models import SearchVector
from search.service import search
from tests.conftest import Picture
from tests.search.engines.conftest import Shop, Vectors
from tests.search.engines.test_conformance import EVERYTHING

WRITERS, WRITES = 3, 10


@pytest.fixture
def _emptied_table(transactional_db: None) -> Iterator[None]:
    """Django does not flush a table that it does not manage."""
    yield
    SearchVector.objects.all().delete()


@pytest.mark.usefixtures("_emptied_table")
def test_finds_all_that_was_saved_meanwhile_and_no_ghost(
    shop: Shop, vectors: Vectors, picture: Picture
) -> None:
    """Each writer saves products and deletes every other of them, while others search."""
    category = Category.objects.create(name="Mugs")
    shop.build()

    saved: set[int] = set()
    deleted: set[int] = set()

    def write(writer: int) -> None:
        for number in range(WRITES):
            product = Product(sku=f"{writer}-{number}", name="Mug", category=category, price=1)
            product.image = ContentFile(picture(WRITES * writer + number), "photo.jpg")
            product.save()
            if number % 2:
                pk = product.pk
                product.delete()
                deleted.add(pk)
            else:
                saved.add(product.pk)
        connection.close()

    def look(writers: list[Future[None]]) -> int:
        """Search all the while; how often a product was found that was gone before."""
        ghosts = 0
        while not all(writer.done() for writer in writers):
            gone = deleted.copy()
            matches = search(shop.query(vectors[-1]), EVERYTHING).matches if saved else []
            ghosts += len({match.product.pk for match in matches} & gone)
        connection.close()
        return ghosts

    with ThreadPoolExecutor(WRITERS + 2) as threads:
        writers = [threads.submit(write, number) for number in range(WRITERS)]
        searchers = [threads.submit(look, writers) for _ in range(2)]
        for writer in writers:
            writer.result()
        assert [searcher.result() for searcher in searchers] == [0, 0]
    found = {match.product.pk for match in search(shop.query(vectors[-1]), EVERYTHING).matches}
    assert found == saved
    assert len(saved) == WRITERS * WRITES // 2
