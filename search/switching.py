"""Changes the network without a gap: the old vectors are searched until all new ones exist.

New vectors overwrite old ones in the database, row by row. So the old ones are first written to
files, from which every process continues to serve; the switch itself replaces one link.
"""

from catalog.embedders.runtime import Embedder
from catalog.embedding.columns import EmbeddedQuerySet, EmbeddingStatus, embedded_models
from catalog.serving import serve
from search.engines import get_engine


def begin_switch(old: Embedder) -> None:
    """Save the vectors that are searched now until the switch is finished."""
    get_engine().build(old.identity, old.dim)


def finish_switch(old: Embedder, new: Embedder) -> bool:
    """Search the new vectors from now on; return False if a picture still waits for its own."""
    for model in embedded_models():
        rows: EmbeddedQuerySet = model.objects.unembedded(new.identity)
        if rows.exclude(embedding_status=EmbeddingStatus.FAILED).exists():
            return False
    get_engine().build(new.identity, new.dim)
    serve(new.identity)
    get_engine().forget(old.identity, old.dim)
    return True
