"""The pages. They take the same input as the API and show the same answers."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers
from rest_framework.exceptions import APIException

from catalog.models import Category, Product
from search.api.intake import (
    Unavailable,
    answer_to,
    query_again,
    query_from,
    query_from_product,
    shown,
)
from search.api.requests import QuerySerializer, SearchSerializer
from search.api.throttles import FETCHES, TooOften, throttle
from search.pages.contexts import empty_context, found_context, product_context
from search.pages.demo_photos import demo_photo
from search.pages.forms import filtered_products
from search.service import Answer

UNMOVED: dict[str, Any] = {"more": (), "less": ()}
PRODUCTS_PER_PAGE = 24


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("X-Fragment")
def search_page(request: HttpRequest) -> HttpResponse:
    """The search form and, with `?query=<id>`, what was found.

    A posted photo is answered with the address of its results, so that they can be reloaded.
    A script that asks with the header `X-Fragment` gets the results alone.
    """
    template = "_results.html" if "X-Fragment" in request.headers else "search.html"
    context = empty_context()
    try:
        if request.method == "POST":
            return HttpResponseRedirect(_ask(request))
        if "query" in request.GET:
            context |= found_context(_ask_again(request), request.GET)
    except APIException as error:
        return _problem(request, template, context, error)
    return render(request, template, context)


@require_safe
def products_page(request: HttpRequest) -> HttpResponse:
    """The active products by name and category."""
    products, filters = filtered_products(request.GET)
    pages = Paginator(products.order_by("name", "pk"), PRODUCTS_PER_PAGE)
    page = pages.get_page(request.GET.get("page"))
    context = filters | {"page": page, "categories": Category.objects.all()}
    return render(request, "products.html", context)


@require_safe
def product_page(request: HttpRequest, pk: int) -> HttpResponse:
    """A product and those that look like it."""
    products = Product.objects.filter(active=True).select_related("category")
    context: dict[str, Any] = {
        "product": get_object_or_404(products, pk=pk),
        "answer": None,
        "error": "",
    }
    try:
        throttle(request)
        context |= product_context(context["product"], query_from_product(pk, UNMOVED))
    except TooOften as error:
        return _problem(request, "product.html", context, error)
    except APIException as error:
        context["error"] = _sentence(error)
    return render(request, "product.html", context)


def _ask(request: HttpRequest) -> str:
    """The address of the results for a posted photo, URL or product."""
    throttle(request)
    given = SearchSerializer(data=_without_blanks(request))
    given.is_valid(raise_exception=True)
    if given.validated_data.get("image_url"):
        throttle(request, FETCHES)
    query = query_from(given.validated_data)
    address = {"query": query.id, "threshold": given.validated_data["threshold"]}
    # What changes the query is repeated: its id stands for the whole photo.
    changes = {name: given.data[name] for name in ("crop", "more", "less") if given.data.get(name)}
    return f"{reverse('search')}?{urlencode(address | changes)}"


def _ask_again(request: HttpRequest) -> Answer:
    throttle(request)
    given = QuerySerializer(data=request.GET)
    given.is_valid(raise_exception=True)
    query, options = shown(query_again(given.validated_data)), given.options()
    answer = answer_to(query, options)
    last = Paginator(range(answer.count), options.limit).num_pages
    return answer if options.page <= last else answer_to(query, replace(options, page=last))


def _without_blanks(request: HttpRequest) -> MultiValueDict[str, Any]:
    """What a plain form sends, less the fields that were left empty."""
    given: MultiValueDict[str, Any] = request.POST.copy()
    given.update(request.FILES)
    if photo := demo_photo(given.pop("sample", [""])[-1]):
        given["file"] = SimpleUploadedFile(photo.name, photo.read_bytes())
    for name in [name for name, values in given.lists() if values == [""]]:
        del given[name]
    return given


def _problem(
    request: HttpRequest, template: str, context: dict[str, Any], error: APIException
) -> HttpResponse:
    """The page with the error's sentence and status, and when to come back where that is known."""
    context = context | {"error": _sentence(error)}
    response = render(request, template, context, status=error.status_code)
    if seconds := getattr(error, "wait", None):
        response["Retry-After"] = str(seconds)
    return response


def _sentence(error: APIException) -> str:
    """All sentences of an error, for a shopper: what only staff can mend is not explained."""
    if isinstance(error, Unavailable):
        return gettext("The search is not ready yet. Please try again later.")
    return " ".join(_sentences(error.detail))


def _sentences(detail: object) -> list[str]:
    if isinstance(detail, dict):
        return [sentence for part in detail.values() for sentence in _sentences(part)]
    if isinstance(detail, list):
        return [sentence for part in detail for sentence in _sentences(part)]
    return [str(detail)]
