"""The table of half-precision vectors in PostgreSQL, and the graph (HNSW) over an embedder's.

A row counts only while its product or photo still has the picture that the vector was made from.
Every reader checks that, so a picture that is deleted, hidden or replaced is no longer found from
the same transaction on. The table is derived from the catalog and can be dropped at any time.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.postgres.indexes import OpClass
from django.db import connection, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Model, Q
from django.db.models.functions import Cast
from django.db.utils import NotSupportedError, OperationalError, ProgrammingError
from pgvector.django import HalfVectorField, HnswIndex

from catalog.embedding.columns import EmbeddedPicture, embedded_models
from catalog.models import Product
from catalog.vectors import InvalidVector, from_bytes
from search.engines import EngineUnavailable
from search.engines.models import SearchVector
from search.index.corpus import Vector

logger = logging.getLogger(__name__)

CHUNK = 200  # vectors in one query
MOST_DIM = 4000  # the longest halfvec that can be indexed
# Measured: m = 32, ef_construction = 128 takes a quarter longer to find less.
GRAPH = {"m": 16, "ef_construction": 256}

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
    """A picture of a row of the catalog, and its vector, when they were read."""

    pk: int
    image: str
    vector: Vector


def exists() -> bool:
    """Return True if there is a table to store in and to search."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('search_vector') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def create(editor: BaseDatabaseSchemaEditor, model: type[Model] = SearchVector) -> None:
    """Create the extension and the table where they are missing. Raises EngineUnavailable.

    Used by a migration, and by `build` where that migration could not create them.
    """
    if editor.connection.vendor != "postgresql":
        raise EngineUnavailable("pgvector needs PostgreSQL. Set DATABASE_URL, or unset it.")
    try:
        with transaction.atomic(editor.connection.alias), editor.connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
            if "search_vector" not in editor.connection.introspection.table_names(cursor):
                editor.create_model(model)
            # Keep vectors uncompressed in their rows as long as a page holds them: unpacking one
            # takes longer than comparing it.
            editor.execute(
                "ALTER TABLE search_vector ALTER vector SET STORAGE MAIN,"
                " SET (toast_tuple_target = 8160)"
            )
    except (NotSupportedError, OperationalError, ProgrammingError) as error:
        raise EngineUnavailable(
            "The database has no pgvector. Install it beside PostgreSQL, and run in the database "
            "as its superuser: CREATE EXTENSION vector"
        ) from error


def check_length(dim: int) -> None:
    """Raise EngineUnavailable if vectors of this length cannot be indexed."""
    if dim > MOST_DIM:
        raise EngineUnavailable(
            f"pgvector cannot index vectors of {dim} numbers. Set SEARCH_ENGINE=numpy."
        )


def store(model: type[EmbeddedPicture], identity: str, vectors: Iterable[Stored]) -> None:
    """Write these vectors where the row still has the picture and its vector of this embedder."""
    rows = [(str(row.vector.tolist()), row.pk, row.image, identity) for row in vectors]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(_for(model, STORE), rows)


def fill(identity: str, dim: int) -> None:
    """Write the vectors of an embedder that the table lacks."""
    for model in embedded_models():
        last = 0
        while rows := list(model.objects.raw(_for(model, MISSING), [identity, last, CHUNK])):
            last, usable = rows[-1].pk, []
            for row in rows:
                try:
                    vector = from_bytes(row.embedding or b"", dim)
                except InvalidVector as error:
                    name = type(row).__name__
                    logger.warning("%s %d is left out of the search. %s", name, row.pk, error)
                else:
                    usable.append(Stored(row.pk, str(row.image.name), vector))
            store(model, identity, usable)


def remove_stale(identity: str) -> None:
    """Remove the vectors of pictures that were deleted or replaced."""
    with connection.cursor() as cursor:
        cursor.execute(REMOVE, [identity])


def remove(identity: str) -> None:
    """Remove all vectors of an embedder, and their graph."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX IF EXISTS {connection.ops.quote_name(_graph_name(identity))}")
    SearchVector.objects.filter(embedder=identity).delete()


def build_graph(identity: str, dim: int) -> None:
    """Build the graph over an embedder's vectors if there is none.

    Outside a transaction it is built concurrently: others go on writing.
    """
    name = _graph_name(identity)
    quoted = connection.ops.quote_name(name)
    with connection.cursor() as cursor:
        cursor.execute(IS_VALID, [quoted])
        if cursor.fetchone() == (True,):
            return
        cursor.execute(f"DROP INDEX IF EXISTS {quoted}")  # left by a build that was interrupted
    half = Cast("vector", HalfVectorField(dimensions=dim))
    graph = HnswIndex(
        OpClass(half, "halfvec_ip_ops"), name=name, condition=Q(embedder=identity), **GRAPH
    )
    with connection.schema_editor(atomic=False) as editor:
        concurrently = not connection.in_atomic_block
        editor.execute(graph.create_sql(SearchVector, editor, concurrently=concurrently), None)


def _for(model: type[EmbeddedPicture], statement: str) -> str:
    """The statement for a table of pictures; a product's own picture counts as photo 0."""
    product, photo = ("id", "0") if model is Product else ("product_id", "id")
    return statement.format(table=model._meta.db_table, product=product, photo=photo)


def _graph_name(identity: str) -> str:
    return f"search_vector_{identity}"
