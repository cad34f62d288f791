"""Tells whether this process runs, and whether it can answer searches."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from shutil import disk_usage
from tempfile import gettempdir

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from catalog.embedders import EmbedderUnavailable
from catalog.embedding.progress import Queue, measure_queue
from catalog.serving import serving_embedder
from search.engines import Status, get_engine

NEEDED = frozenset({"database", "embedder", "index"})  # parts without which no search is answered
LATE = timedelta(minutes=2)  # a picture that has waited longer is reported
LAGGING = 60.0  # seconds; an index that is further behind is reported


@dataclass(frozen=True)
class Health:
    """The state of process and shop, with a reason for each part that has a problem."""

    embedder: str = ""  # identity
    index: Status | None = None
    queue: Queue | None = None
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        """Whether searches are answered; mere delays do not count."""
        return not NEEDED & self.reasons.keys()


def examine() -> Health:
    """Check the disk, the database, the embedder, the index and the queue."""
    reasons = full_disks()
    try:
        queue = measure_queue()
        if queue.oldest >= LATE:
            seconds = queue.oldest.total_seconds()
            reasons["queue"] = (
                f"A picture has waited for {seconds:.0f} s. Are worker and beat running?"
            )
        embedder = serving_embedder()
        status = get_engine().status(embedder.identity, embedder.dim)
    except DatabaseError:
        sentence = "The database does not answer, or lacks its tables."
        return Health(reasons={"database": sentence} | reasons)
    except EmbedderUnavailable as error:
        return Health(queue=queue, reasons={"embedder": str(error)} | reasons)
    if not status.products:
        sentence = "No product can be searched. Run: python manage.py build_embeddings"
        reasons = {"index": sentence} | reasons
    elif status.lag_seconds > LAGGING:
        sentence = f"The index is {status.lag_seconds:.0f} s behind the database."
        reasons = {"lag": sentence} | reasons
    return Health(embedder.identity, status, queue, reasons)


def full_disks() -> dict[str, str]:
    """A reason if a disk that the shop writes to is nearly full.

    It comes before the shop is in trouble: shoppers' photos leave half of that space free.
    """
    least = 2 * settings.DISK_RESERVE_MB
    folders: dict[str, str] = {
        "VAR_DIR": str(settings.VAR_DIR),
        "the temporary folder": gettempdir(),
    }
    if not settings.MEDIA_STORAGE:
        folders["MEDIA_ROOT"] = str(settings.MEDIA_ROOT)
    free: dict[str, float] = {}  # megabytes by name
    for name, folder in folders.items():
        with suppress(FileNotFoundError):
            free[name] = disk_usage(folder).free / 2**20
    name = min(free, key=lambda name: free[name])
    if free[name] >= least:
        return {}
    sentence = f"Only {free[name]:.0f} MB are free on the disk of {name}, fewer than {least:g}."
    return {"disk": f"{sentence} Make room there, or set DISK_RESERVE_MB lower."}


@csrf_exempt  # so that other methods get 405
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200: the process runs."""
    return HttpResponse("ok\n", content_type="text/plain")


@csrf_exempt  # so that other methods get 405
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 if searches are answered, else 503, with a reason for each problem.

    A late queue or index and a nearly full disk are reported, but the answer stays 200: other
    processes share them, so that taking this one out of service would not help.
    """
    health = examine()
    queue = health.queue
    state = {
        "status": "ready" if health.is_ready else "not ready",
        "reasons": health.reasons,
        "embedder": health.embedder,
        "index": health.index and vars(health.index),
        "queue": queue
        and {
            "waiting": queue.states["pending"],
            "oldest_seconds": round(queue.oldest.total_seconds(), 1),
        },
    }
    return JsonResponse(state, status=200 if health.is_ready else 503)
