"""What the pages take that the API does not."""

from typing import Any

from django import forms
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import QueryDict

from catalog.models import Product


class ProductsForm(forms.Form):
    """The filter of the products page, and of the map's list."""

    q = forms.CharField(max_length=200, required=False)
    category = forms.CharField(max_length=100, required=False)


def filtered_products(asked: QueryDict) -> tuple[QuerySet[Product], dict[str, Any]]:
    """The active products that are asked for, and the filters. Raises BadRequest."""
    form = ProductsForm(asked)
    if not form.is_valid():
        raise BadRequest("The filter can't be read.")
    name, category = form.cleaned_data["q"], form.cleaned_data["category"]
    products: QuerySet[Product] = Product.objects.filter(active=True).select_related("category")
    if name:
        products = products.filter(name__icontains=name)
    if category:
        products = products.filter(category__name=category)
    return products, form.cleaned_data
