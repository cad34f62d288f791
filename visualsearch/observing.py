"""Each request: its id, its line in the log, and its place in the metrics."""

import logging
from collections.abc import Callable
from time import perf_counter

from django.http import HttpRequest, HttpResponseBase
from prometheus_client import Counter, Histogram

from visualsearch.logs import identified, view_of

logger = logging.getLogger(__name__)

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}  # strangers invent others
REQUESTS = Counter(
    "visualsearch_http_requests",
    "Requests that were answered; by the front, before any view, where they were refused there.",
    ("view", "method", "status"),
)
SECONDS = Histogram(
    "visualsearch_http_request_duration_seconds",
    "From a request, once it has come in, to its answer.",
    ("view",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


def observed(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """The middleware that counts requests, and names each in the log and in its answer."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        started = perf_counter()
        with identified(request.headers.get("X-Request-ID", "")) as request_id:
            response = get_response(request)
            _note(request, response, perf_counter() - started)
        response["X-Request-ID"] = request_id
        return response

    return answer


def count(view: str, method: str | None, status: int) -> None:
    """Count a request that was answered so."""
    REQUESTS.labels(view, method if method in METHODS else "other", status).inc()


def _note(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    view, status = view_of(request), response.status_code
    count(view, request.method, status)
    SECONDS.labels(view).observe(seconds)
    facts = {"view": view, "status": status, "seconds": round(seconds, 4)}
    logger.info("%s was answered %d", view, status, extra={"facts": facts})
