"""The examination: look at what has changed, and put the findings in step."""

from dataclasses import dataclass
from time import monotonic

from catalog.embedders.runtime import Embedder
from search.doctor.claims import claims
from search.doctor.facts import Facts, facts_file, load_facts, nothing_found, save_facts
from search.doctor.findings import settle
from search.doctor.gallery import Gallery, gallery_of
from search.doctor.neighbours import look_around
from search.doctor.qualities import measure_all, unmeasured
from search.engines import corpus_for
from search.index.snapshots import exclusive

SAVED_EVERY = 300.0  # seconds, so that what is stopped goes on from there


@dataclass(frozen=True)
class Examination:
    """How far it has come."""

    products: int  # that can be found
    left: int  # of them, to be looked at


def examine(embedder: Embedder, *, seconds: float = SAVED_EVERY, anew: bool = False) -> Examination:
    """Look at what has changed since the last time, for about so many seconds.

    Findings whose cause is gone go; those on products that are still to be looked at stay. Safe
    to stop and repeat; nothing is done where nothing has changed. Raises OSError.
    """
    with exclusive(facts_file()):
        corpus = corpus_for(embedder.identity, embedder.dim)
        before = nothing_found(embedder.identity) if anew else load_facts(embedder.identity)
        if before.generation == corpus.generation:
            return Examination(len(corpus), 0)
        gallery = gallery_of(corpus)
        facts, pending = _looked(gallery, before, monotonic() + seconds)
        settle(claims(gallery, facts, input_size=embedder.input_size), pending=pending)
        save_facts(facts)
        return Examination(len(corpus), len(pending))


def _looked(gallery: Gallery, before: Facts, until: float) -> tuple[Facts, set[int]]:
    """What is known by then, and the products that are still to be looked at."""
    qualities = measure_all(gallery, before.qualities, until=until)
    neighbours = look_around(gallery, before.neighbours, until=until)
    pending = set(gallery.products.tolist()) - set(neighbours.products.tolist())
    if monotonic() >= until:
        unseen = gallery.owners[unmeasured(gallery, qualities)]
        pending |= set(gallery.products[unseen].tolist())
    generation = 0 if pending else gallery.corpus.generation
    return Facts(before.identity, generation, neighbours, qualities), pending
