"""The whole catalog of every engine, for work on all of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.test import Client

from catalog.models import Product
from search.bands.models import Calibration
from search.catalog_map.maps import load_map
from search.doctor.notices import notices
from search.engines import Corpus, corpus_for, get_engine
from search.evaluation.models import Evaluation
from search.index import LiveIndex
from search.orders.models import PublishedTuning
from search.ranking import Tuning
from search.tasks import compact, draw_map, examine_catalog
from tests.conftest import FIXTURES, MakeProduct, Picture
from tests.search.engines.conftest import POSTGRES, Shop, Vectors
from tests.tools import NO_POSTGRES


@pytest.fixture
def corpus(shop: Shop, vectors: Vectors) -> Corpus:
    """300 products in ten categories, the third with a second photo."""
    products = shop.stock(vectors[:300])
    shop.add_photo(products[2], vectors[300])
    return corpus_for(shop.embedder.identity, shop.embedder.dim)


def rows(corpus: Corpus) -> Iterator[tuple[int, int]]:
    """The product and the row of every picture that can be found."""
    for item in np.flatnonzero(corpus.live):
        for row in corpus.rows_of(np.array([item]))[0]:
            yield int(corpus.products[item]), int(row)


def test_has_every_picture_with_its_vector(corpus: Corpus, vectors: Vectors) -> None:
    ids = list(Product.objects.order_by("pk").values_list("pk", flat=True))
    assert len(corpus) == len(ids) == 300
    assert sorted(corpus.products[corpus.live]) == ids
    found = {vector.tobytes() for vector in corpus.vectors(np.array([r for _, r in rows(corpus)]))}
    assert found == {vector.tobytes() for vector in vectors[:301]}
    third = int(np.flatnonzero((corpus.products == ids[2]) & corpus.live)[0])
    own, _ = corpus.rows_of(np.array([third]))
    assert corpus.starts[third] == own[0]
    assert (corpus.pictures(own)[0] > 0).tolist() == [False, True]
    assert sum(1 for _ in rows(corpus)) == 301 <= corpus.row_count


def test_ranks_within_a_mask(corpus: Corpus, vectors: Vectors) -> None:
    query, mask = vectors[-1], corpus.products % 3 == 0
    ranking = corpus.rank(query, 20, mask=mask)
    scores = np.maximum.reduceat(corpus.vectors(np.arange(corpus.row_count)) @ query, corpus.starts)
    wanted = np.argsort(-np.where(mask & corpus.live, scores, -2))[:20]
    assert ranking.items.tolist() == wanted.tolist()
    assert ranking.scores == pytest.approx(scores[wanted], abs=1e-6)
    assert corpus.vectors(ranking.rows) @ query == pytest.approx(ranking.scores, abs=1e-6)
    one = np.arange(len(mask)) == wanted[7]
    assert corpus.rank(query, 1, mask=one).items.tolist() == [wanted[7]]


def test_ranks_everything_where_that_is_asked_for(corpus: Corpus, vectors: Vectors) -> None:
    others = corpus.products != corpus.products[5]
    ranking = corpus.rank(vectors[5], len(others), mask=others)
    assert len(ranking.items) == 299
    assert (np.diff(ranking.scores) <= 0).all()


def test_ranks_many_as_one_by_one(corpus: Corpus, vectors: Vectors) -> None:
    for query, ranking in zip(vectors[-3:], corpus.rank_many(vectors[-3:], 9), strict=True):
        assert ranking.items.tolist() == corpus.rank(query, 9).items.tolist()


def test_scores_items_by_their_best_rows(corpus: Corpus, vectors: Vectors) -> None:
    items = np.array([2, 7])
    scores, best = corpus.score_items(vectors[300], items)
    assert scores == pytest.approx([1, vectors[7] @ vectors[300]], abs=1e-6)
    assert corpus.vectors(best) @ vectors[300] == pytest.approx(scores, abs=1e-6)


def test_takes_another_order(corpus: Corpus, vectors: Vectors) -> None:
    categories = np.unique(corpus.categories)
    weights = np.zeros((len(vectors[0]), len(categories)), np.float32)
    weights[:, 4] = 50 * vectors[-1]  # the fifth category is by far the likeliest
    tuning = Tuning(categories, weights, np.zeros(len(categories), np.float32), 5.0)
    tuned = corpus.with_tuning(tuning)
    first = tuned.rank(vectors[-1], 20)
    assert set(corpus.categories[first.items].tolist()) == {categories[4]}
    plain = tuned.with_tuning(None).rank(vectors[-1], 20)
    assert plain.items.tolist() == corpus.rank(vectors[-1], 20).items.tolist()


def test_empty_catalog_has_nothing(shop: Shop, vectors: Vectors) -> None:
    shop.build()
    empty = corpus_for(shop.embedder.identity, shop.embedder.dim)
    assert len(empty) == len(empty.products) == empty.row_count == 0
    assert not len(empty.rank(vectors[0], 5).items)


@pytest.mark.skipif(not POSTGRES, reason=NO_POSTGRES)
@pytest.mark.parametrize("engine", ["pgvector"], indirect=True)
@pytest.mark.usefixtures("few_copies")
def test_no_process_opens_a_snapshot_when_the_engine_is_pgvector(
    shop: Shop,
    make_product: MakeProduct,
    picture: Picture,
    client: Client,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    admin_user: Any,
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("A live index was made.")

    monkeypatch.setattr(LiveIndex, "__init__", refuse)
    call_command("load_demo")
    call_command("build_embeddings")
    call_command("examine_catalog")
    call_command("tune_search", "--dry-run")
    call_command("evaluate_search", "--sample", "3")
    for task in (compact, draw_map, examine_catalog):
        task()
    mug, cup = (make_product(sku=sku, image=picture(1)) for sku in ("mug", "cup"))
    assert mug.sku in "".join(notices([cup]))
    photo = ContentFile((FIXTURES / "queries" / "34-mug.jpg").read_bytes(), "photo.jpg")
    assert client.post("/api/search/", {"file": photo}).json()["results"]
    assert client.get("/readyz").status_code == 200
    assert load_map() is not None
    assert Calibration.objects.exists()
    assert Evaluation.objects.get().report["products"] == 50
    assert not PublishedTuning.objects.exists()
    folders = [path.name for path in Path(settings.INDEX_DIR).iterdir() if path.is_dir()]
    assert shop.embedder.identity not in folders
    get_engine().forget(shop.embedder.identity, shop.embedder.dim)
