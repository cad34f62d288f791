"""A bucket of the catalog as items: what is known already is kept, the rest is read."""

from collections.abc import Iterable
from itertools import groupby

from search.index.facts import Fact, Key, Tally, read_facts, read_vectors
from search.index.segments import Item, Row


class BucketReader:
    """Reads buckets for one embedder; unusable vectors are read, and complained of, only once."""

    def __init__(self, identity: str, dim: int) -> None:
        self._identity, self._dim = identity, dim
        self._rejected: dict[Key, int] = {}  # revisions

    def read(self, bucket: int, known: Iterable[Item]) -> tuple[list[Item], Tally]:
        """What can be found of a bucket, by product id, and the tally of just what was read."""
        facts, tally = read_facts(bucket)
        old = {(item.product, row.photo): row for item in known for row in item.rows}
        kept = {fact.key: old[fact.key] for fact in facts if self._is_good(old.get(fact.key), fact)}
        rows = kept | self._read(fact for fact in facts if fact.key not in kept)
        found = (fact for fact in facts if fact.key in rows)
        return [
            Item(product, first.category, first.price, tuple(rows[fact.key] for fact in group))
            for product, group in _by_product(found)
            if (first := group[0])
        ], tally

    def _is_good(self, row: Row | None, fact: Fact) -> bool:
        """Whether the row is still the picture's.

        While the network is being changed, the vectors in the database give way one by one to
        those of the next embedder; what is known of the same picture then stays.
        """
        if row is None or row.revision == fact.revision:
            return row is not None
        gave_way = fact.embedder != self._identity and not fact.is_failed
        return gave_way and row.image == fact.image

    def _read(self, facts: Iterable[Fact]) -> dict[Key, Row]:
        wanted = [
            fact
            for fact in facts
            if fact.embedder == self._identity and self._rejected.get(fact.key) != fact.revision
        ]
        rows = {}
        for fact, vector in read_vectors(wanted, self._identity, self._dim):
            if vector is None:
                self._rejected[fact.key] = fact.revision
            else:
                rows[fact.key] = Row(fact.key[1], fact.image, fact.revision, vector)
        return rows


def _by_product(facts: Iterable[Fact]) -> Iterable[tuple[int, list[Fact]]]:
    return ((key, list(group)) for key, group in groupby(facts, lambda fact: fact.key[0]))
