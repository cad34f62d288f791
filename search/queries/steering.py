"""Thumbs up and down: a query is moved towards some products and away from others."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from catalog.embedders.runtime import Embedder
from catalog.messages import sentence
from catalog.models import Product
from catalog.vectors import InvalidVector, from_bytes
from search.queries.query import NotSearchable, Query

# The usual weights of Rocchio's rule ("Relevance feedback in information retrieval", 1971): see
# Manning, Raghavan and Schuetze, "Introduction to Information Retrieval", 9.1.1.
QUERY_WEIGHT, MORE_WEIGHT, LESS_WEIGHT = 1.0, 0.75, 0.15

Vector = NDArray[np.float32]  # (dim,), of unit length
ProductVectors = dict[int, Vector]  # by product id


def steered(query: Query, more: ProductVectors, less: ProductVectors) -> Query:
    """The query, moved towards the products of `more` and away from those of `less`."""
    vector = moved(query.vector, list(more.values()), list(less.values()))
    return replace(query, vector=vector, more=tuple(more), less=tuple(less))


def product_vectors(ids: Sequence[int], embedder: Embedder) -> ProductVectors:
    """The vectors of these products' own pictures. Raises NotSearchable."""
    active = Product.objects.filter(pk__in=ids, active=True)
    stored = active.searchable(embedder.identity).values_list("pk", "embedding")
    found = dict(stored) if ids else {}
    vectors = {}
    for pk in ids:
        try:
            vectors[pk] = from_bytes(found.get(pk) or b"", embedder.dim)
        except InvalidVector as error:
            raise NotSearchable(
                sentence("There is no product %(id)s that can be searched.", id=pk)
            ) from error
    return vectors


def moved(query: Vector, more: Sequence[Vector], less: Sequence[Vector]) -> Vector:
    """The query, moved towards the mean of `more` and away from the mean of `less`.

    The result is never zero: the other two weights add up to less than the query's own.
    """
    vector = QUERY_WEIGHT * query.astype(np.float64)
    if more:
        vector += MORE_WEIGHT * np.mean(more, axis=0, dtype=np.float64)
    if less:
        vector -= LESS_WEIGHT * np.mean(less, axis=0, dtype=np.float64)
    unit: Vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit
