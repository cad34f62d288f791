"""What the engine that is in use is told of."""

from typing import Any

from django.dispatch import receiver

from catalog.embedding.claims import Claim
from catalog.signals import vector_written
from search.engines import get_engine
from search.index.segments import Vector


@receiver(vector_written)
def store_vector(claim: Claim, identity: str, vector: Vector, **_: Any) -> None:
    """Hand the vector on, within the transaction that it was written in."""
    get_engine().store(claim, identity, vector)
