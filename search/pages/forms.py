"""The filter of the products page and of the map's list, which the API does not have."""

from typing import Any

from django import forms
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import QueryDict

from catalog.models import Product
from catalog.values import MAX_CATEGORY, category_key


class ProductsForm(forms.Form):
    """Part of a name, and a category by name."""

    q = forms.CharField(max_length=200, required=False)
    category = forms.CharField(max_length=MAX_CATEGORY, required=False)


def filtered_products(parameters: QueryDict) -> tuple[QuerySet[Product], dict[str, Any]]:
    """The active products that pass the filter, and the filter. Raises BadRequest."""
    form = ProductsForm(parameters)
    if not form.is_valid():
        raise BadRequest("The filter can't be read.")
    name, category = form.cleaned_data["q"], form.cleaned_data["category"]
    products: QuerySet[Product] = Product.objects.filter(active=True).select_related("category")
    if name:
        products = products.filter(name__icontains=name)
    if category:
        products = products.filter(category__key=category_key(category))
    return products, form.cleaned_data
