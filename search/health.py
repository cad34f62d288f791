"""Whether this process lives, and whether it can answer searches."""

from dataclasses import dataclass, field
from datetime import timedelta

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from catalog.embedders import EmbedderUnavailable
from catalog.embedding.progress import Queue, measure_queue
from catalog.serving import serving_embedder
from search.engines import Status, get_engine

NEEDED = frozenset({"database", "embedder", "index"})  # without them no search is answered
LATE = timedelta(minutes=2)  # for a picture to wait
LAGGING = 60.0  # seconds for an index to be behind


@dataclass(frozen=True)
class Health:
    """How process and shop are, as far as can be told; a reason for each part that is not well."""

    embedder: str = ""  # identity
    index: Status | None = None
    queue: Queue | None = None
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        """Whether searches are answered; what is only late does not count."""
        return not NEEDED & self.reasons.keys()


def examine() -> Health:
    """Look at the database, the embedder, the index and the queue."""
    try:
        queue = measure_queue()
        embedder = serving_embedder()
        status = get_engine().status(embedder.identity, embedder.dim)
    except DatabaseError:
        return Health(reasons={"database": "The database does not answer, or lacks its tables."})
    except EmbedderUnavailable as error:
        return Health(queue=queue, reasons={"embedder": str(error)} | _late(queue))
    return Health(embedder.identity, status, queue, _incomplete(status) | _late(queue))


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 where searches are answered, else 503; with a reason for all that is not well.

    A queue that stands still, or an index that is behind, is told, and harms no search: a process
    that is taken from service for it would leave its shoppers to others that are no better off.
    """
    health = examine()
    facts = {
        "status": "ready" if health.is_ready else "not ready",
        "reasons": health.reasons,
        "embedder": health.embedder,
        "index": health.index and vars(health.index),
        "queue": health.queue and _told(health.queue),
    }
    return JsonResponse(facts, status=200 if health.is_ready else 503)


def _told(queue: Queue) -> dict[str, float]:
    return {"waiting": queue.waiting, "oldest_seconds": round(queue.oldest.total_seconds(), 1)}


def _incomplete(index: Status) -> dict[str, str]:
    if not index.products:
        return {"index": "No product can be searched. Run: python manage.py build_embeddings"}
    if index.lag_seconds > LAGGING:
        return {"lag": f"The index is {index.lag_seconds:.0f} s behind the database."}
    return {}


def _late(queue: Queue) -> dict[str, str]:
    if queue.oldest < LATE:
        return {}
    seconds = queue.oldest.total_seconds()
    return {"queue": f"A picture has waited for {seconds:.0f} s. Are worker and beat running?"}
