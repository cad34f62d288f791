"""Serves /metrics to Prometheus: counts of all processes, and the shop's present state."""

import os
import re
from collections.abc import Iterator
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry

from search.health import examine

# Headers that proxies add: X-Forwarded-*, Forwarded, Via, X-Real-IP, X-Azure-ClientIP, CDN-Loop,
# X-Envoy-External-Address, CloudFront-Viewer-Address and the like.
OF_PROXIES = re.compile(r"forwarded|^via$|ip$|^cdn-|address$", re.IGNORECASE)
REFUSAL = "Send METRICS_TOKEN, or send the request from this machine itself.\n"


class Shop(Collector):
    """Gauges that are read from the database and the index at each request."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        health = examine()
        yield _gauge("ready", "1 where searches are answered, else 0.", health.is_ready)
        if index := health.index:
            yield _gauge("index_products", "Products that are searched.", index.products)
            yield _gauge("index_generation", "Changes with the catalog.", index.generation)
            yield _gauge("index_lag_seconds", "How far behind the database.", index.lag_seconds)
        if queue := health.queue:
            states = GaugeMetricFamily("visualsearch_pictures", "By state.", labels=("state",))
            for state, count in queue.states.items():
                states.add_metric((state,), count)
            yield states
            seconds = queue.oldest.total_seconds()
            yield _gauge("queue_oldest_seconds", "How long the oldest picture has waited.", seconds)


@csrf_exempt  # so that other methods get 405
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Counts of all processes since the start, and gauges as they are now."""
    if not _may_see(request):
        return HttpResponse(REFUSAL, content_type="text/plain", status=403)
    registry = CollectorRegistry()
    registry.register(Shop())
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:  # visualsearch.gunicorn sets it
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(REGISTRY)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_see(request: HttpRequest) -> bool:
    """Whether the request has the token; if none is set, whether it is local and unproxied.

    Behind a proxy, every request seems to come from this machine or its network. A proxy betrays
    itself by the headers that it adds, by the name that the client asked it for, or, as nginx does
    if it is told nothing else, by HTTP/1.0.
    """
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}")
    is_old = request.META.get("SERVER_PROTOCOL") == "HTTP/1.0"
    if is_old or any(map(OF_PROXIES.search, request.headers)):
        return False
    host, _ = split_domain_port(request.get_host())
    is_local = ip_address(request.META.get("REMOTE_ADDR") or "::").is_loopback
    return is_local and host in settings.LOCAL_HOSTS


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"visualsearch_{name}", text, value)
