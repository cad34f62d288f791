"""Passes new vectors on to the engine in use."""

from typing import Any

from django.dispatch import receiver

from catalog.embedding.claims import Claim, vector_written
from search.engines import get_engine
from search.index.corpus import Vector


@receiver(vector_written)
def store_vector(claim: Claim, identity: str, vector: Vector, **_: Any) -> None:
    """Pass the vector on within the transaction that stored it."""
    get_engine().store(claim, identity, vector)
