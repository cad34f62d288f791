"""Whether this process lives, and whether it can answer searches."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from catalog.embedders import EmbedderUnavailable
from catalog.serving import serving_embedder
from search.index import live_index


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Database, embedder and index: 200 when all are there, else 503 with the reason."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        embedder = serving_embedder()
        corpus = live_index(embedder.identity, embedder.dim).corpus()
    except DatabaseError:
        return _not_ready("The database does not answer.")
    except EmbedderUnavailable as error:
        return _not_ready(str(error))
    if not len(corpus):
        return _not_ready("No product can be searched. Run: python manage.py build_embeddings")
    index = {"products": len(corpus), "generation": corpus.generation}
    return JsonResponse({"status": "ready", "embedder": embedder.identity, "index": index})


def _not_ready(reason: str) -> JsonResponse:
    return JsonResponse({"status": "not ready", "reason": reason}, status=503)
