"""The candidates of a search: those of the pictures in PostgreSQL that can be among its answers.

The graph (HNSW) leads to the nearest vectors in half precision, and nearly always to all of them.
It is followed until the threshold is passed, and no further than POOL pictures: what lies beyond is
neither counted nor shown. Where a filter leaves few products, or the graph gives up too early, the
vectors of all that it leaves are compared. No vector leaves the database but those asked for.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from django.db import connection, transaction

from catalog.vectors import InvalidVector, from_bytes
from search.engines import Scope
from search.index.segments import Vector

logger = logging.getLogger(__name__)

Key = tuple[int, int]  # of a picture: product and photo, 0 for the product's own

POOL = 500  # pictures
FEW = 5000  # products, whose vectors are compared sooner than the graph finds them among many
FIRST = 100  # pictures to the first fetch; each further one takes as many as there are
# As many candidates as can be wanted; what is close is found with fewer, in two thirds of the time.
SETTINGS = {
    "hnsw.ef_search": str(POOL),
    "hnsw.iterative_scan": "strict_order",
    "enable_sort": "off",
}
CLOSE, OF_CLOSE = 0.6, {"hnsw.ef_search": "300"}
# By how much a product of unit vectors can be off: for rounding both to half precision, each of its
# terms twice by 2**-11, where the terms' sizes add up to 1 at the most, by Cauchy-Schwarz; and half
# as much again for digits left away and for adding up to 4,000 terms in single precision.
HALF = 1.5 * 2.0**-10
SET = f"SELECT {', '.join(['set_config(%s, %s, true)'] * len(SETTINGS))}"

# A vector counts while the picture is the one that it was made from.
FROM = """
    FROM search_vector kept
    JOIN catalog_product product ON product.id = kept.product AND product.active
    JOIN LATERAL (
        SELECT product.image, product.embedding, product.embedder, product.embedding_status
        WHERE kept.photo = 0
        UNION ALL SELECT image, embedding, embedder, embedding_status FROM catalog_productphoto
        WHERE id = kept.photo AND product_id = kept.product
    ) picture ON picture.image = kept.image AND picture.embedding_status <> 'failed'
    WHERE kept.embedder = %(embedder)s
"""
PICTURES = f"""
    SELECT kept.product, kept.photo, kept.image, category_id, price::float8,
        kept.vector::halfvec({{dim}}) <#> %(vector)s::halfvec({{dim}}) AS distance
    {FROM} {{filters}}
"""
NEAREST = f"{PICTURES} ORDER BY distance LIMIT {{pool}}"
# Ordered apart, so that the graph is of no use.
COMPARED = (
    f"WITH pictures AS MATERIALIZED ({PICTURES}) TABLE pictures ORDER BY distance LIMIT {FEW}"
)
# Where the network is being changed the picture's own vector may be of the next one already: the
# half-precise one then does.
VECTORS = f"""
    SELECT kept.product, kept.photo,
        CASE picture.embedder WHEN kept.embedder THEN picture.embedding END,
        CASE picture.embedder WHEN kept.embedder THEN NULL ELSE kept.vector::real[] END
    {FROM} AND (kept.product, kept.photo) IN
        (SELECT unnest(%(products)s::bigint[]), unnest(%(photos)s::bigint[]))
"""
LEFT = """
    SELECT count(*) FROM
    (SELECT 1 FROM catalog_product product WHERE active {filters} LIMIT {limit}) few
"""
COUNT = f"SELECT count(DISTINCT kept.product) {FROM}"

FILTERS = {
    "categories": """category_id IN
        (SELECT id FROM catalog_category WHERE name = ANY(%(categories)s))""",
    "min_price": "price >= %(min_price)s",
    "max_price": "price <= %(max_price)s",
    "product": "product.id = %(product)s",
}


class Candidate(NamedTuple):
    """A picture that the database found."""

    product: int
    photo: int  # 0 for the product's own picture
    image: str
    category: int
    price: float
    distance: float  # the inner product in half precision, negative


def count_searched(identity: str) -> int:
    """How many products can be found by the vectors of an embedder."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"embedder": identity})
        return int(cursor.fetchone()[0])


def read_candidates(identity: str, vector: Vector, scope: Scope, searched: int) -> list[Candidate]:
    """The candidates among so many products, by product and photo.

    Each filter's facet is counted without it, so that there are candidates for that, too.
    """
    others = replace(scope, categories=()), replace(scope, min_price=None, max_price=None)
    found = (_candidates(identity, vector, each, searched) for each in {scope, *others})
    by_key = {candidate[:2]: candidate for candidate in chain.from_iterable(found)}
    return sorted(by_key.values(), key=itemgetter(0, 1))


def read_vectors(identity: str, dim: int, keys: Iterable[Key]) -> dict[Key, Vector]:
    """The vectors (dim,) of these pictures, of those that still have one."""
    products, photos = zip(*keys, strict=True)
    wanted: dict[str, Any] = {"products": list(products), "photos": list(photos)}
    with connection.cursor() as cursor:
        cursor.execute(VECTORS, wanted | {"embedder": identity})
        rows = cursor.fetchall()
    vectors = {(row[0], row[1]): _vector(*row, dim=dim) for row in rows}
    return {key: vector for key, vector in vectors.items() if vector is not None}


def _vector(
    product: int, photo: int, own: bytes | None, half: list[float] | None, *, dim: int
) -> Vector | None:
    if half is not None:
        return np.array(half, np.float32)
    try:
        return from_bytes(own or b"", dim)
    except InvalidVector as error:
        logger.warning("Product %d is left out of the search. %s", product, error)
        return None


def _candidates(identity: str, vector: Vector, scope: Scope, searched: int) -> list[Candidate]:
    if not _leaves_few(scope, searched):
        found = _read(NEAREST, identity, vector, scope)
        if len(found) >= POOL or (found and _is_past(found[-1], scope)):
            return found
    return _read(COMPARED, identity, vector, scope)


def _leaves_few(scope: Scope, searched: int) -> bool:
    parameters = _parameters(scope)
    if searched <= FEW or not parameters:
        return searched <= FEW
    with connection.cursor() as cursor:
        cursor.execute(LEFT.format(filters=_filters(scope), limit=FEW + 1), parameters)
        return bool(cursor.fetchone()[0] <= FEW)


def _read(statement: str, identity: str, vector: Vector, scope: Scope) -> list[Candidate]:
    """The nearest pictures, until the threshold is passed."""
    statement = statement.format(dim=len(vector), filters=_filters(scope), pool=POOL)
    sought = {"embedder": identity, "vector": _text(vector)}
    settings = SETTINGS | (OF_CLOSE if scope.threshold >= CLOSE else {})
    size = FIRST if scope.threshold > -1 else POOL
    found: list[Candidate] = []
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(SET, [part for setting in settings.items() for part in setting])
        with connection.chunked_cursor() as cursor:
            cursor.execute(statement, _parameters(scope) | sought)
            while chunk := cursor.fetchmany(len(found) or size):
                found += map(Candidate._make, chunk)
                if _is_past(found[-1], scope):
                    break
    return found


def _text(vector: Vector) -> str:
    """A vector as the database reads it, ten times finer than half precision is."""
    return f"[{','.join(['%.5g'] * len(vector))}]" % tuple(vector.tolist())


def _is_past(candidate: Candidate, scope: Scope) -> bool:
    """Whether all that comes after it is below the threshold."""
    return -candidate.distance < scope.threshold - HALF


def _filters(scope: Scope) -> str:
    return "".join(f" AND {FILTERS[name]}" for name in _parameters(scope))


def _parameters(scope: Scope) -> dict[str, Any]:
    """What is filtered by."""
    values = {name: getattr(scope, name) for name in FILTERS}
    return {
        name: list(value) if name == "categories" else value
        for name, value in values.items()
        if value not in ((), None)
    }
