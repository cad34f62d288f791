"""The table of vectors in PostgreSQL: written with the product, and otherwise from it."""

from dataclasses import replace
from decimal import Decimal
from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, transaction

from catalog.models import EmbeddingStatus, Product, ProductPhoto
from catalog.vectors import from_bytes
from search.engines import EngineUnavailable, candidates, get_engine, tables
from search.service import search
from tests.conftest import MakeProduct, Picture
from tests.search.engines.conftest import Shop, Vectors
from tests.search.engines.test_conformance import EVERYTHING

migration = import_module("search.migrations.0003_search_vector")

pytestmark = pytest.mark.parametrize("engine", ["pgvector"], indirect=True)


def kept() -> set[tuple[int, int, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT product, photo, image FROM search_vector")
        return set(cursor.fetchall())


def plan(shop: Shop, vector: Vectors) -> str:
    """How the database looks for the nearest of a vector."""
    values = {
        "embedder": shop.embedder.identity,
        "vector": str(vector.tolist()),
        "limit": 10,
    }
    with connection.cursor() as cursor:
        settings = candidates.SETTINGS.items()
        cursor.execute(candidates.SET, [part for setting in settings for part in setting])
        nearest = candidates.NEAREST.format(dim=len(vector), filters="")
        cursor.execute(f"EXPLAIN {nearest}", values)
        return "\n".join(row[0] for row in cursor.fetchall())


def test_vector_comes_and_goes_with_the_transaction_of_its_product(
    shop: Shop, make_product: MakeProduct, picture: Picture
) -> None:
    shop.build()
    with transaction.atomic():
        product = make_product(image=picture(1))
        assert kept() == {(product.pk, 0, product.image.name)}
        assert search(shop.query(product_vector(product)), EVERYTHING).count == 1
        transaction.set_rollback(True)
    assert not kept()


def test_build_embeddings_makes_the_table_from_what_the_products_have(
    shop: Shop, make_product: MakeProduct, picture: Picture
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE search_vector")
    product = make_product(image=picture(1))
    assert not tables.exists()
    call_command("build_embeddings")
    assert kept() == {(product.pk, 0, product.image.name)}
    assert search(shop.query(product_vector(product)), EVERYTHING).matches[0].product == product


def test_migration_leaves_a_table_that_is_there_as_it_is(shop: Shop, vectors: Vectors) -> None:
    shop.stock(vectors[:2])
    before = kept()
    with connection.schema_editor() as editor:
        migration.create(apps, editor)
    assert kept() == before
    assert f'using "search_vector_{shop.embedder.identity}"' in plan(shop, vectors[-1])


def test_database_without_pgvector_migrates_and_build_says_what_is_missing(shop: Shop) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP EXTENSION vector CASCADE; DROP TABLE search_vector")
        cursor.execute("CREATE ROLE clerk; SET LOCAL ROLE clerk")  # who may not create extensions
        with connection.schema_editor() as editor:
            migration.create(apps, editor)
        assert not tables.exists()
        with pytest.raises(EngineUnavailable, match="CREATE EXTENSION vector"):
            shop.build()
        cursor.execute("RESET ROLE; DROP ROLE clerk")
    with connection.schema_editor() as editor:
        migration.create(apps, editor)
    shop.build()
    assert tables.exists()


def test_keeps_what_is_there_and_removes_what_is_stale(shop: Shop, vectors: Vectors) -> None:
    products = shop.stock(vectors[:4])
    shop.add_photo(products[0], vectors[9])
    products[1].delete()
    Product.objects.filter(pk=products[2].pk).update(image="another.jpg")
    ProductPhoto.objects.all().delete()
    get_engine().keep_up(shop.embedder.identity, shop.embedder.dim)
    assert kept() == {(products[0].pk, 0, "0.jpg"), (products[3].pk, 0, "3.jpg")}


def test_looks_in_the_graph_of_its_embedder(shop: Shop, vectors: Vectors) -> None:
    shop.stock(vectors[:20])
    assert f'using "search_vector_{shop.embedder.identity}"' in plan(shop, vectors[-1])


def test_forgets_an_embedder_with_its_graph(shop: Shop, vectors: Vectors) -> None:
    shop.stock(vectors[:4])
    get_engine().forget(shop.embedder.identity, shop.embedder.dim)
    assert not kept()
    assert "search_vector_eff" not in plan(shop, vectors[-1])


def test_score_is_nearly_the_same_while_the_picture_has_the_next_vector(
    shop: Shop, vectors: Vectors
) -> None:
    products = shop.stock(vectors[:4])
    Product.objects.filter(pk=products[0].pk).update(embedder="next", embedding=b"of the next")
    match = search(shop.query(vectors[0]), EVERYTHING).matches[0]
    assert match.product == products[0]
    assert match.score == pytest.approx(1.0, abs=1e-5)


def test_failed_picture_is_not_found(shop: Shop, vectors: Vectors) -> None:
    products = shop.stock(vectors[:4])
    Product.objects.filter(pk=products[0].pk).update(embedding_status=EmbeddingStatus.FAILED)
    assert search(shop.query(vectors[0]), EVERYTHING).count == 3


def test_comparing_all_makes_good_what_the_graph_leaves_unanswered(
    shop: Shop, vectors: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.stock(vectors[:40])
    monkeypatch.setattr(candidates, "FEW", -1)
    monkeypatch.setitem(candidates.SETTINGS, "hnsw.iterative_scan", "off")
    monkeypatch.setitem(candidates.SETTINGS, "hnsw.ef_search", "2")
    assert search(shop.query(vectors[-1]), EVERYTHING).count == 40


def test_filters_before_the_pool_is_full(
    shop: Shop, vectors: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.stock(vectors[:40])
    monkeypatch.setattr(candidates, "FEW", -1)
    monkeypatch.setattr(candidates, "POOL", 5)
    query = shop.query(vectors[-1])
    assert search(query, EVERYTHING).count == 5
    cheap = replace(EVERYTHING, categories=("Category 1", "Category 2"), max_price=Decimal(12))
    assert search(query, cheap).count == 3


def test_refuses_vectors_that_are_too_long_for_a_graph(engine: str) -> None:
    with pytest.raises(EngineUnavailable, match="SEARCH_ENGINE=numpy"):
        get_engine().build("long-00000000", 4001)


def product_vector(product: Product) -> Vectors:
    return from_bytes(Product.objects.values_list("embedding", flat=True).get(pk=product.pk), 1280)
