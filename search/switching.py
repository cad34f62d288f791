"""Changing the network without a gap: the old vectors are searched until all new ones are there.

New vectors overwrite old ones in the database, row by row. So the old ones are written to files
first, from which every process goes on serving; the switch itself moves one link.
"""

from catalog.embedders.runtime import Embedder
from catalog.embedding.rows import (
    EmbeddedPicture,
    EmbeddedQuerySet,
    EmbeddingStatus,
    embedded_models,
)
from catalog.serving import serve
from search.engines import get_engine


def begin_switch(old: Embedder) -> None:
    """Keep the vectors that are searched now, for as long as the switch takes."""
    get_engine().build(old.identity, old.dim)


def finish_switch(old: Embedder, new: Embedder) -> bool:
    """Search the new vectors from now on, if no picture waits for one; whether that was so."""
    if any(_waiting(model, new.identity) for model in embedded_models()):
        return False
    get_engine().build(new.identity, new.dim)
    serve(new.identity)
    get_engine().forget(old.identity, old.dim)
    return True


def _waiting(model: type[EmbeddedPicture], identity: str) -> bool:
    rows: EmbeddedQuerySet = model.objects.unembedded(identity)
    return rows.exclude(embedding_status=EmbeddingStatus.FAILED).exists()
