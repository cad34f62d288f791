"""Observes each request: gives it an id, logs it, and counts it.

Kept separate from `visualsearch.logs`: gunicorn imports that before it sets
PROMETHEUS_MULTIPROC_DIR, and prometheus_client must not be imported earlier.
"""

import logging
import re
from collections.abc import Callable
from time import perf_counter
from uuid import uuid4

from django.http import HttpRequest, HttpResponseBase
from prometheus_client import Counter, Histogram

from visualsearch.logs import REQUEST_ID

logger = logging.getLogger(__name__)

ACCEPTED_ID = re.compile(r"[\w-]{8,64}", re.ASCII)  # of ids that clients send
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}  # clients may invent others
REQUESTS = Counter(
    "visualsearch_http_requests",
    "Requests that were answered, by view; `front` are those refused before Django.",
    ("view", "method", "status"),
)
SECONDS = Histogram(
    "visualsearch_http_request_duration_seconds",
    "From the moment a request is received to its answer.",
    ("view",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


def observed(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """The middleware: the answer has the request's id as X-Request-ID."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        started = perf_counter()
        given = request.headers.get("X-Request-ID", "")
        request_id = given if ACCEPTED_ID.fullmatch(given) else uuid4().hex
        token = REQUEST_ID.set(request_id)
        try:
            response = get_response(request)
            seconds = perf_counter() - started
            match, status = request.resolver_match, response.status_code
            view = match.view_name if match else "none"
            count_request(view, request.method, status)
            SECONDS.labels(view).observe(seconds)
            facts = {"view": view, "status": status, "seconds": round(seconds, 4)}
            logger.info("%s was answered %d", view, status, extra={"facts": facts})
        finally:
            REQUEST_ID.reset(token)
        response["X-Request-ID"] = request_id
        return response

    return answer


def count_request(view: str, method: str | None, status: int) -> None:
    """Count a request that this view answered with this status."""
    REQUESTS.labels(view, method if method in METHODS else "other", status).inc()
