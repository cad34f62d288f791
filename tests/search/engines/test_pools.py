"""What PostgreSQL finds, ranked by half-precise scores and the few vectors that they leave open."""

from dataclasses import replace

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.test import Client

from catalog.models import Product
from search.doctor.notices import notices
from search.engines import Scope, get_engine
from search.engines.candidates import HALF_ERROR
from search.engines.pools import Pool
from search.service import Options, search
from tests.conftest import MakeProduct, Picture
from tests.search.engines.conftest import Shop, Vectors
from tests.search.engines.test_conformance import EVERYTHING, expected

pytestmark = pytest.mark.parametrize("engine", ["pgvector"], indirect=True)


def pool_of(shop: Shop, vector: Vectors) -> Pool:
    pool = get_engine().candidates(shop.embedder.identity, vector, Scope())
    assert isinstance(pool, Pool)
    return pool


def test_half_precise_scores_are_as_near_as_is_said(shop: Shop, vectors: Vectors) -> None:
    shop.stock(vectors[:200])
    pool = pool_of(shop, vectors[-1])
    before = pool.scores.copy()
    pool.settle(np.arange(200))
    assert pool.settled.all()
    assert 0 < np.abs(pool.scores - before).max() <= HALF_ERROR


def test_reads_only_the_vectors_that_decide(shop: Shop, vectors: Vectors) -> None:
    shop.stock(vectors[:300])
    pool = pool_of(shop, vectors[-1])
    ranking = pool.rank(vectors[-1], 10, threshold=0.3)
    assert len(ranking.items) == 10
    assert pool.settled[ranking.rows].all()
    assert pool.settled.sum() < 40


def test_counts_what_is_at_the_threshold_by_the_vectors(shop: Shop, vectors: Vectors) -> None:
    shop.stock(vectors[:300])
    query = shop.query(vectors[-1])
    scores = [float(match.score) for match in search(query, EVERYTHING).matches]
    for rank, score in enumerate(scores[:40], start=1):
        at, above = Options(score, limit=1), Options(np.nextafter(score, 1), limit=1)
        assert search(query, at).count == rank
        assert search(query, above).count == rank - 1


def test_damaged_vector_is_left_out_in_order_of_price_too(shop: Shop, vectors: Vectors) -> None:
    products = shop.stock(vectors[:30])
    Product.objects.filter(pk=products[0].pk).update(embedding=bytes(4 * len(vectors[0])))
    answer = search(shop.query(vectors[-1]), replace(EVERYTHING, limit=5, ordering="price"))
    assert products[0] not in [match.product for match in answer.matches]
    assert all(match.score >= -1 for match in answer.matches)


def test_what_is_gone_between_two_looks_is_not_shown(shop: Shop, vectors: Vectors) -> None:
    products = shop.stock(vectors[:30])
    pool = pool_of(shop, vectors[-1])
    products[7].delete()
    ranking = pool.rank(vectors[-1], 30)
    assert pool.products[ranking.items].tolist() == [
        pk for pk, _ in expected(vectors[-1], EVERYTHING)
    ]


@pytest.mark.usefixtures("admin_user")
def test_web_process_keeps_no_vectors_of_its_own(
    shop: Shop, make_product: MakeProduct, picture: Picture, client: Client
) -> None:
    shop.build()
    mug, cup = (make_product(sku=sku, image=picture(1)) for sku in ("mug", "cup"))
    assert mug.sku in "".join(notices([cup]))
    photo = ContentFile(picture(2), "photo.jpg")
    assert client.post("/api/search/", {"file": photo}).status_code == 200
    assert client.get("/readyz").status_code == 200
