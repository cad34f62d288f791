"""The map of the catalog, and the same products as a plain list."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from catalog.models import Category
from search.pages.forms import filtered_products

LIST_PER_PAGE = 120


@require_safe
def map_page(request: HttpRequest) -> HttpResponse:
    """All products as dots, which a script places; with `?list=1` the same as a plain list."""
    if "list" in request.GET:
        return _list(request)
    return render(request, "map.html")


def _list(request: HttpRequest) -> HttpResponse:
    products, filters = filtered_products(request.GET)
    pages = Paginator(products.order_by("category__name", "name", "pk"), LIST_PER_PAGE)
    page = pages.get_page(request.GET.get("page"))
    context = filters | {"page": page, "categories": Category.objects.all()}
    return render(request, "map_list.html", context)
