"""SQL that finds pictures in PostgreSQL by their likeness to a vector, and reads their vectors.

The graph (HNSW) leads to the nearest vectors in half precision, and nearly always to all of them.
A search follows it until the threshold is passed, but no further than POOL pictures: what lies
beyond is neither counted nor shown. Where a filter leaves few products, or the graph gives up too
early, the vectors of all that it leaves are compared instead. Only vectors that are asked for leave
the database.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from django.db import connection, transaction

from catalog.vectors import InvalidVector, from_bytes
from search.engines import Scope
from search.index.corpus import PictureKey, Vector

logger = logging.getLogger(__name__)

POOL = 500  # pictures to which a search follows the graph
FEW = 5000  # products whose vectors are compared sooner than the graph finds them among many
FIRST = 100  # pictures in the first fetch; each further fetch doubles their number
COMPARED_ROWS = 5000  # pictures that a search takes from a comparison of all
CHUNK = 500  # vectors in one query
# As many candidates as can be wanted. At a high threshold fewer are enough, which takes two thirds
# of the time.
SETTINGS = {
    "hnsw.ef_search": str(POOL),
    "hnsw.iterative_scan": "strict_order",
    "enable_sort": "off",
}
HIGH_THRESHOLD, AT_HIGH_THRESHOLD = 0.6, {"hnsw.ef_search": "300"}
# A bound on the error of an inner product of two unit vectors that were rounded to half precision.
# Rounding changes each factor by a share of at most 2**-11, so each term by 2**-10; the absolute
# values of the terms sum to at most 1 (Cauchy-Schwarz). Half as much again covers the decimal
# digits that `_text` leaves out and single-precision sums of up to 4,000 terms.
HALF_ERROR = 1.5 * 2.0**-10
SET = f"SELECT {', '.join(['set_config(%s, %s, true)'] * len(SETTINGS))}"

# A vector counts while its row still has the picture that the vector was made from.
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
PRICE = "coalesce(sale_price, price)"
COLUMNS = f"""kept.product, kept.photo, kept.image,
    category_id, {PRICE}::float8, availability, "group", product.image"""
ALL = f"SELECT {COLUMNS}, 0 {FROM} ORDER BY kept.product, kept.photo"
PICTURES = f"""
    SELECT {COLUMNS}, kept.vector::halfvec({{dim}}) <#> %(vector)s::halfvec({{dim}}) AS distance
    {FROM} {{filters}}
"""
NEAREST = f"{PICTURES} ORDER BY distance LIMIT %(limit)s"
# Materialized before it is ordered, so that PostgreSQL does not use the graph.
COMPARED = f"WITH pictures AS MATERIALIZED ({PICTURES}) TABLE pictures ORDER BY distance" + (
    " LIMIT %(limit)s"
)
# While the embedder is being changed, a picture may already have the vector of the next one. The
# half-precision vector is used then.
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
    "min_price": f"{PRICE} >= %(min_price)s",
    "max_price": f"{PRICE} <= %(max_price)s",
    "availabilities": "availability = ANY(%(availabilities)s)",
    "hidden": "availability <> ALL(%(hidden)s)",
    "products": "product.id = ANY(%(products)s)",
}


class Candidate(NamedTuple):
    """A picture that the database found."""

    product: int
    photo: int  # 0 for the product's own picture
    image: str
    category: int
    price: float
    availability: str
    group: str
    own_image: str  # of the product
    distance: float  # the inner product in half precision, negated


def count_searched(identity: str) -> int:
    """How many products can be found by the vectors of an embedder."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"embedder": identity})
        return int(cursor.fetchone()[0])


def read_all(identity: str) -> list[Candidate]:
    """All pictures that can be found, by product and photo; their distances are 0."""
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(ALL, {"embedder": identity})
        return [Candidate._make(row) for row in cursor]


def read_candidates(
    identity: str, vector: Vector, scope: Scope, *, searched: int
) -> list[Candidate]:
    """The candidates of a search among so many products, by product and photo.

    Each filter's facet is counted without that filter, so there are candidates for that, too.
    """
    others = (
        replace(scope, categories=()),
        replace(scope, min_price=None, max_price=None),
        replace(scope, availabilities=()),
    )
    found = (
        _candidates(identity, vector, each, searched=searched, limit=COMPARED_ROWS)
        for each in {scope, *others}
    )
    return _by_key(chain.from_iterable(found))


def read_nearest(identity: str, vector: Vector, *, searched: int) -> list[Candidate]:
    """The POOL pictures nearest to a vector, by product and photo."""
    return _by_key(_candidates(identity, vector, Scope(), searched=searched, limit=POOL))


def compare_all(identity: str, vector: Vector) -> list[Candidate]:
    """All pictures with their distances, by product and photo."""
    return _by_key(_read(COMPARED, identity, vector, Scope(), limit=None))


def read_vectors(identity: str, dim: int, keys: Sequence[PictureKey]) -> dict[PictureKey, Vector]:
    """The vectors (dim,) of these pictures, without those that have no usable one any more."""
    vectors: dict[PictureKey, Vector] = {}
    for start in range(0, len(keys), CHUNK):
        products, photos = map(list, zip(*keys[start : start + CHUNK], strict=True))
        wanted: dict[str, Any] = {"embedder": identity, "products": products, "photos": photos}
        with connection.cursor() as cursor:
            cursor.execute(VECTORS, wanted)
            for product, photo, own, half in cursor.fetchall():
                if half is not None:
                    vectors[product, photo] = np.array(half, np.float32)
                    continue
                try:
                    vectors[product, photo] = from_bytes(own or b"", dim)
                except InvalidVector as error:
                    logger.warning("Product %d is left out of the search. %s", product, error)
    return vectors


def _candidates(
    identity: str, vector: Vector, scope: Scope, *, searched: int, limit: int
) -> list[Candidate]:
    """The nearest pictures, by the graph or, where it falls short, `limit` by comparing all."""
    parameters, leaves_few = _parameters(scope), searched <= FEW
    if parameters and not leaves_few:
        with connection.cursor() as cursor:
            cursor.execute(LEFT.format(filters=_filters(scope), limit=FEW + 1), parameters)
            leaves_few = cursor.fetchone()[0] <= FEW
    if not leaves_few:
        found = _read(NEAREST, identity, vector, scope, limit=POOL)
        if len(found) >= POOL or (found and _is_past(found[-1], scope)):
            return found
    return _read(COMPARED, identity, vector, scope, limit=limit)


def _read(
    statement: str, identity: str, vector: Vector, scope: Scope, *, limit: int | None
) -> list[Candidate]:
    """The nearest pictures, until the threshold is passed."""
    statement = statement.format(dim=len(vector), filters=_filters(scope))
    sought = {"embedder": identity, "vector": _text(vector), "limit": limit}
    settings = SETTINGS | (AT_HIGH_THRESHOLD if scope.threshold >= HIGH_THRESHOLD else {})
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


def _by_key(candidates: Iterable[Candidate]) -> list[Candidate]:
    by_key = {candidate[:2]: candidate for candidate in candidates}
    return sorted(by_key.values(), key=itemgetter(0, 1))


def _text(vector: Vector) -> str:
    """A vector in the syntax of pgvector, with ten times the precision of half floats."""
    return f"[{','.join(['%.5g'] * len(vector))}]" % tuple(vector.tolist())


def _is_past(candidate: Candidate, scope: Scope) -> bool:
    """Return True if everything that is farther away is below the threshold."""
    return -candidate.distance < scope.threshold - HALF_ERROR


def _filters(scope: Scope) -> str:
    return "".join(f" AND {FILTERS[name]}" for name in _parameters(scope))


def _parameters(scope: Scope) -> dict[str, Any]:
    """The filters that are set, by name."""
    values = {name: getattr(scope, name) for name in FILTERS}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value != getattr(Scope, name)  # the default, which filters nothing
    }
