"""The pool of a search: those of the products in PostgreSQL that can be among its answers.

The graph (HNSW) leads to the nearest vectors in half precision, and nearly always to all of them;
the pictures' own vectors then decide. It is followed until the threshold is passed, and no further
than POOL pictures: what lies beyond is neither counted nor shown. Where a filter leaves few
products, or the graph gives up too early, the vectors of all that it leaves are compared.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from django.db import connection, transaction

from catalog.vectors import InvalidVector, from_bytes
from search.engines import Scope
from search.index.segments import Item, Row, image_key
from search.queries import Query

logger = logging.getLogger(__name__)

POOL = 1000  # pictures
FEW = 5000  # products, whose vectors are compared sooner than the graph finds them among many
FIRST = 25  # pictures to the first fetch; each further one takes twice as many
# Candidates that the graph's search holds at first: at least twice what a page shows. What is close
# is found with fewer, in three quarters of the time (measured).
SETTINGS = {"hnsw.ef_search": "400", "hnsw.iterative_scan": "strict_order", "enable_sort": "off"}
CLOSE, OF_CLOSE = 0.6, {"hnsw.ef_search": "200"}
# By how much a product of unit vectors can be off for rounding both to half precision: each of its
# terms twice by 2**-11, and the terms' sizes add up to 1 at the most, by Cauchy-Schwarz.
HALF = 2.0**-10
SET = f"SELECT {', '.join(['set_config(%s, %s, true)'] * len(SETTINGS))}"

# A vector counts while the picture is the one that it was made from. Where the network is being
# changed the picture's own vector may be of the next one already: the half-precise one then does.
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
        CASE picture.embedder WHEN kept.embedder THEN picture.embedding END,
        CASE picture.embedder WHEN kept.embedder THEN NULL ELSE kept.vector::real[] END,
        kept.vector::halfvec({{dim}}) <#> %(vector)s::halfvec({{dim}}) AS distance
    {FROM} {{filters}}
"""
NEAREST = f"{PICTURES} ORDER BY distance LIMIT {POOL}"
# Ordered apart, so that the graph is of no use.
COMPARED = (
    f"WITH pictures AS MATERIALIZED ({PICTURES}) TABLE pictures ORDER BY distance LIMIT {FEW}"
)
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
    embedding: bytes | None
    half: list[float] | None
    distance: float  # the inner product in half precision, negative


def count_searched(identity: str) -> int:
    """How many products can be found by the vectors of an embedder."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"embedder": identity})
        return int(cursor.fetchone()[0])


def read_pool(query: Query, scope: Scope) -> list[Item]:
    """The products of the pool by rising id, with those pictures of theirs that are in it.

    Each filter's facet is counted without it, so that there is a pool for that, too.
    """
    others = replace(scope, categories=()), replace(scope, min_price=None, max_price=None)
    found = {
        (candidate.product, candidate.photo): candidate
        for each in {scope, *others}
        for candidate in _candidates(query, each)
    }
    return list(_items(found.values(), len(query.vector)))


def _candidates(query: Query, scope: Scope) -> list[Candidate]:
    if not _leaves_few(scope):
        found = _read(NEAREST, query, scope)
        if len(found) >= POOL or (found and _is_past(found[-1], scope)):
            return found
    return _read(COMPARED, query, scope)


def _leaves_few(scope: Scope) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(LEFT.format(filters=_filters(scope), limit=FEW + 1), _parameters(scope))
        return bool(cursor.fetchone()[0] <= FEW)


def _read(statement: str, query: Query, scope: Scope) -> list[Candidate]:
    """The nearest pictures, until the threshold is passed."""
    statement = statement.format(dim=len(query.vector), filters=_filters(scope))
    vector = {"embedder": query.embedder, "vector": str(query.vector.tolist())}
    settings = SETTINGS | (OF_CLOSE if scope.threshold >= CLOSE else {})
    found: list[Candidate] = []
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(SET, [part for setting in settings.items() for part in setting])
        with connection.chunked_cursor() as cursor:
            cursor.execute(statement, _parameters(scope) | vector)
            while chunk := cursor.fetchmany(len(found) or FIRST):
                found += map(Candidate._make, chunk)
                if _is_past(found[-1], scope):
                    break
    return found


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


def _items(found: Iterable[Candidate], dim: int) -> Iterator[Item]:
    """The products by rising id, their own picture first."""
    ordered = sorted(found, key=itemgetter(0, 1))
    for product, group in groupby(ordered, key=itemgetter(0)):
        candidates = list(group)
        rows = tuple(row for candidate in candidates if (row := _row(candidate, dim)))
        if rows:
            yield Item(product, candidates[0].category, candidates[0].price, rows)


def _row(candidate: Candidate, dim: int) -> Row | None:
    image = image_key(candidate.image)
    if candidate.half is not None:
        return Row(candidate.photo, image, 0, np.array(candidate.half, np.float32))
    try:
        return Row(candidate.photo, image, 0, from_bytes(candidate.embedding or b"", dim))
    except InvalidVector as error:
        logger.warning("Product %d is left out of the search. %s", candidate.product, error)
        return None
