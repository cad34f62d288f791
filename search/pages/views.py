"""The pages. They take the same input as the API and show the same answers."""

from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers
from rest_framework.exceptions import APIException

from catalog.models import Availability, Category, Product
from catalog.values import category_key
from search.api.intake import SearchRequest, Unavailable, answer_to, query_of, record
from search.api.serializers import QuerySerializer, SearchSerializer
from search.api.throttles import (
    FetchThrottle,
    SearchThrottle,
    TooOften,
    check_throttles,
    client_of,
)
from search.pages.contexts import empty_context, found_context, product_context
from search.pages.forms import filtered_products
from search.pages.posted import Fields, posted_fields, shared_fields
from search.pages.variants import count_more, first_of_groups, labels_of, variants_of
from search.service import Answer

PRODUCTS_PER_PAGE = 24
LIST_PER_PAGE = 120  # products in the plain list that stands in for the map


@csrf_exempt  # it only stores the query, and framed pages may have no cookies
@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("X-Fragment")
def search_page(request: HttpRequest) -> HttpResponse:
    """The search form and, with `?query=<id>`, what was found.

    A posted photo is answered with a redirect to its results, so that they can be reloaded. A
    script that sends the header `X-Fragment` gets the results without the rest of the page.
    """
    template = "_results.html" if "X-Fragment" in request.headers else "search.html"
    context = empty_context()
    try:
        if request.method == "POST":
            return HttpResponseRedirect(_results_url(request, posted_fields(request)))
        if "query" in request.GET:
            context |= found_context(_results(request), request.GET, client_of(request))
    except APIException as error:
        return _problem(request, template, context, error)
    return render(request, template, context)


@csrf_exempt  # it only stores the query, and other apps have no token
@require_http_methods(["GET", "HEAD", "POST"])
def share_page(request: HttpRequest) -> HttpResponse:
    """Search with what another app shares: redirects to the results, or to the search form."""
    target = reverse("search")
    try:
        if request.method == "POST" and (fields := shared_fields(request)):
            target = _results_url(request, fields)
    except APIException as error:
        return _problem(request, "search.html", empty_context(), error)
    return HttpResponseRedirect(target, status=HTTPStatus.SEE_OTHER)


@csrf_exempt  # so that other methods get 405
@require_safe
def products_page(request: HttpRequest) -> HttpResponse:
    """The active products by name: each group once, or the variants of the one in the address."""
    products, filters = filtered_products(request.GET)
    listed = products if filters["group"] else first_of_groups(products)
    context = _listed(request, listed, filters, PRODUCTS_PER_PAGE, "name")
    shown = list(context["page"])
    if filters["group"]:
        context |= {"labels": labels_of(shown), "more": {}}
    else:
        context |= {"labels": {}, "more": count_more(shown, products)}
    return render(request, "products.html", context)


@csrf_exempt  # so that other methods get 405
@require_safe
def product_page(request: HttpRequest, pk: int) -> HttpResponse:
    """A product and those that look like it."""
    products = Product.objects.filter(active=True).select_related("category")
    product = get_object_or_404(products, pk=pk)
    variants = variants_of(product)
    context: dict[str, Any] = {"product": product, "answer": None, "error": ""}
    context |= {"variants": variants, "labels": labels_of(variants)}
    try:
        check_throttles(request, SearchThrottle)
        asked = SearchRequest(product=pk, client=client_of(request))
        context |= product_context(product, query_of(asked))
    except TooOften as error:
        return _problem(request, "product.html", context, error)
    except APIException as error:
        context["error"] = _sentence(error)
    return render(request, "product.html", context)


@csrf_exempt  # so that other methods get 405
@require_safe
def map_page(request: HttpRequest) -> HttpResponse:
    """All products as dots, which a script draws; with `?list=1` the same as a plain list."""
    if "list" not in request.GET:
        return render(request, "map.html")
    products, filters = filtered_products(request.GET)
    context = _listed(request, products, filters, LIST_PER_PAGE, "category__name", "name")
    return render(request, "map_list.html", context)


def _listed(
    request: HttpRequest,
    products: QuerySet[Product],
    filters: dict[str, Any],
    per_page: int,
    *order: str,
) -> dict[str, Any]:
    """A page of the products that passed the filter, and the filter."""
    page = Paginator(products.order_by(*order, "pk"), per_page).get_page(request.GET.get("page"))
    active = Product.objects.filter(active=True, category=OuterRef("pk"))
    categories = {each.key: each for each in Category.objects.filter(Exists(active))}
    chosen = categories.get(category_key(filters["category"]))
    name = chosen.name if chosen else filters["category"]
    choices = {"categories": categories.values(), "availabilities": Availability.choices}
    return filters | choices | {"page": page, "category": name}


def _results_url(request: HttpRequest, fields: Fields) -> str:
    """Search with a photo, an address or a product; return the URL of the results."""
    check_throttles(request, SearchThrottle)
    if fields.get("image_url"):
        check_throttles(request, FetchThrottle)
    given = SearchSerializer(data=fields)
    given.is_valid(raise_exception=True)
    query = query_of(given.asked(client=client_of(request)))
    url = {"query": query.id, "threshold": given.validated_data["threshold"]}
    # The id stands for the whole photo as it is, so what changes the query is repeated.
    changes = {name: given.data[name] for name in ("crop", "more", "less") if given.data.get(name)}
    return f"{reverse('search')}?{urlencode(url | changes)}"


def _results(request: HttpRequest) -> Answer:
    """The answer to the query in the address; a page beyond the last one becomes the last."""
    check_throttles(request, SearchThrottle)
    given = QuerySerializer(data=request.GET)
    given.is_valid(raise_exception=True)
    asked = given.asked(client=client_of(request))
    is_collapsed = request.GET.get("collapse") != "none"  # other than in the API
    query, options = query_of(asked), replace(asked.options, collapse=is_collapsed)
    answer = answer_to(query, options)
    last = Paginator(range(answer.count), options.limit).num_pages
    if options.page > last:
        answer = answer_to(query, replace(options, page=last))
    record(answer, asked.client)
    return answer


def _problem(
    request: HttpRequest, template: str, context: dict[str, Any], error: APIException
) -> HttpResponse:
    """The page with the error's sentence, its status and, where known, Retry-After."""
    context = context | {"error": _sentence(error)}
    response = render(request, template, context, status=error.status_code)
    if seconds := getattr(error, "wait", None):
        response["Retry-After"] = str(seconds)
    return response


def _sentence(error: APIException) -> str:
    """All sentences of an error; shoppers are not told what only staff can repair."""
    if isinstance(error, Unavailable):
        return gettext("The search is not ready yet. Please try again later.")
    return " ".join(_sentences(error.detail))


def _sentences(detail: object) -> list[str]:
    """The sentences of an error's detail, which may be nested."""
    if isinstance(detail, dict):
        detail = list(detail.values())
    if isinstance(detail, list):
        return [sentence for part in detail for sentence in _sentences(part)]
    return [str(detail)]
