"""Exact ranking by cosine over a matrix of unit rows. NumPy only.

An item has one or more consecutive rows; its score is that of its best row. `rank` and `rank_many`
return what scoring every row would return. Where a matrix has bounds, they score only the rows that
can matter: see `shortlist`.
"""

from search.ranking.bounds import (
    BODY,
    HEAD,
    WORTHWHILE,
    Bounds,
    basis_of,
    bounds_of,
    project,
    sample,
)
from search.ranking.matrix import (
    Mask,
    Matrix,
    Positions,
    Ranking,
    best_first,
    contenders,
    first_of_each,
    order_of,
    rows_of,
    score_items,
)
from search.ranking.ranking import Scan, rank, rank_many
from search.ranking.tuning import Labelled, Tuning

__all__ = [
    "BODY",
    "HEAD",
    "WORTHWHILE",
    "Bounds",
    "Labelled",
    "Mask",
    "Matrix",
    "Positions",
    "Ranking",
    "Scan",
    "Tuning",
    "basis_of",
    "best_first",
    "bounds_of",
    "contenders",
    "first_of_each",
    "order_of",
    "project",
    "rank",
    "rank_many",
    "rows_of",
    "sample",
    "score_items",
]
