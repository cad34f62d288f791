"""The table of half-precision vectors in PostgreSQL, and the graph (HNSW) over an embedder's.

A row stands for a picture as it was, and counts only while its product or photo has that picture,
which every reader sees to: what is deleted, hidden or replaced is gone in the same transaction. The
table is made from the vectors of the catalog, and can be thrown away.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.utils import NotSupportedError, OperationalError, ProgrammingError

from catalog.embedding.rows import EmbeddedPicture, embedded_models
from catalog.models import Product
from catalog.vectors import InvalidVector, from_bytes
from search.engines import EngineUnavailable
from search.index.segments import Vector

logger = logging.getLogger(__name__)

CHUNK = 200  # vectors to a query
MOST_DIM = 4000  # numbers of a halfvec that can be indexed
GRAPH = "m = 16, ef_construction = 256"  # measured: m = 32, 128 takes a quarter longer to find less

# Vectors stay in their rows, and are not compressed, as long as a page holds them: to unpack one
# takes longer than to compare it.
CREATE = """
    CREATE EXTENSION IF NOT EXISTS vector;
    CREATE TABLE IF NOT EXISTS search_vector (
        embedder varchar(100), product bigint, photo bigint, image varchar(200) NOT NULL,
        vector halfvec NOT NULL, PRIMARY KEY (embedder, product, photo));
    ALTER TABLE search_vector ALTER vector SET STORAGE MAIN, SET (toast_tuple_target = 8160)
"""
STORE = """
    INSERT INTO search_vector (embedder, product, photo, image, vector)
    SELECT embedder, {product}, {photo}, image, %s::halfvec FROM {table}
    WHERE (id, image, embedder) = (%s, %s, %s)
    ON CONFLICT (embedder, product, photo)
    DO UPDATE SET image = excluded.image, vector = excluded.vector
"""
MISSING = """
    SELECT id, image, embedding FROM {table} picture
    WHERE embedding_status = 'ready' AND embedder = %s AND image <> '' AND id > %s AND NOT EXISTS (
        SELECT 1 FROM search_vector kept WHERE (kept.embedder, product, photo, kept.image)
            = (picture.embedder, {product}, {photo}, picture.image))
    ORDER BY id LIMIT %s
"""
REMOVE = """
    DELETE FROM search_vector kept WHERE embedder = %s AND NOT EXISTS (
        SELECT 1 FROM catalog_product own
        WHERE photo = 0 AND own.id = product AND own.image = kept.image
        UNION ALL SELECT 1 FROM catalog_productphoto more
        WHERE more.id = photo AND more.product_id = product AND more.image = kept.image)
"""
IS_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"


@dataclass(frozen=True)
class Stored:
    """The vector of a picture that a row had when it was read."""

    pk: int
    image: str
    vector: Vector


def exists() -> bool:
    """Whether there is a table to store in, and to search."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('search_vector') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def create(dim: int) -> None:
    """Make the table for vectors of this length, if there is none. Raises EngineUnavailable."""
    if dim > MOST_DIM:
        raise EngineUnavailable(
            f"pgvector can't index vectors of {dim} numbers. Set SEARCH_ENGINE=numpy."
        )
    try:
        with connection.cursor() as cursor:
            cursor.execute(CREATE)
    except (NotSupportedError, OperationalError, ProgrammingError) as error:
        raise EngineUnavailable(
            "The database has no pgvector. Install it beside PostgreSQL, and run in the database "
            "as its superuser: CREATE EXTENSION vector"
        ) from error


def store(model: type[EmbeddedPicture], identity: str, vectors: Iterable[Stored]) -> None:
    """Write these vectors where the row still has the picture, and its vector of this embedder."""
    rows = [(str(row.vector.tolist()), row.pk, row.image, identity) for row in vectors]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(_for(model, STORE), rows)


def fill(identity: str, dim: int) -> None:
    """Write what is missing of an embedder's vectors."""
    for model in embedded_models():
        last = 0
        while rows := list(model.objects.raw(_for(model, MISSING), [identity, last, CHUNK])):
            store(model, identity, _usable(rows, dim))
            last = rows[-1].pk


def remove_stale(identity: str) -> None:
    """Remove the vectors of pictures that are gone."""
    with connection.cursor() as cursor:
        cursor.execute(REMOVE, [identity])


def remove(identity: str) -> None:
    """Remove all vectors of an embedder."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX IF EXISTS {_graph(identity)}")
        cursor.execute("DELETE FROM search_vector WHERE embedder = %s", [identity])


def build_graph(identity: str, dim: int) -> None:
    """Build the graph over an embedder's vectors, if there is none; others go on writing."""
    graph = _graph(identity)
    with connection.cursor() as cursor:
        cursor.execute(IS_VALID, [graph])
        if cursor.fetchone() == (True,):
            return
        concurrently = "" if connection.in_atomic_block else "CONCURRENTLY"
        cursor.execute(f"DROP INDEX IF EXISTS {graph}")  # one whose building was stopped
        cursor.execute(
            f"CREATE INDEX {concurrently} {graph} ON search_vector"
            f" USING hnsw ((vector::halfvec({dim:d})) halfvec_ip_ops) WITH ({GRAPH})"
            " WHERE embedder = %s",
            [identity],
        )


def _usable(rows: Iterable[EmbeddedPicture], dim: int) -> Iterator[Stored]:
    for row in rows:
        try:
            vector = from_bytes(row.embedding or b"", dim)
        except InvalidVector as error:
            logger.warning("%s %d is left out of the search. %s", type(row).__name__, row.pk, error)
        else:
            yield Stored(row.pk, str(row.image.name), vector)


def _for(model: type[EmbeddedPicture], statement: str) -> str:
    """The statement for a table of pictures; a product's own picture counts as photo 0."""
    product, photo = ("id", "0") if model is Product else ("product_id", "id")
    return statement.format(table=model._meta.db_table, product=product, photo=photo)


def _graph(identity: str) -> str:
    return connection.ops.quote_name(f"search_vector_{identity}")
