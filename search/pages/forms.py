"""The filter of the products page and of the map's list, which the API does not have."""

from typing import Any

from django import forms
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import QueryDict

from catalog.messages.translation import translated
from catalog.models import Availability, Product, has_words
from catalog.values import MAX_CATEGORY, MAX_GROUP, MAX_WORDS_TEXT, InvalidValue, category_key


class ProductsForm(forms.Form):
    """Words, a category by name, an availability, and a group."""

    q = forms.CharField(max_length=MAX_WORDS_TEXT, required=False)
    category = forms.CharField(max_length=MAX_CATEGORY, required=False)
    availability = forms.ChoiceField(choices=Availability, required=False)
    group = forms.CharField(max_length=MAX_GROUP, required=False)


def filtered_products(parameters: QueryDict) -> tuple[QuerySet[Product], dict[str, Any]]:
    """The active products that pass the filter, and the filter; with an `error` none do.

    Raises BadRequest.
    """
    form = ProductsForm(parameters)
    if not form.is_valid():
        raise BadRequest("The filter can't be read.")
    given = form.cleaned_data
    products: QuerySet[Product] = Product.objects.filter(active=True).select_related("category")
    try:
        products = products.filter(has_words(given["q"]))
    except InvalidValue as error:
        products, given["error"] = products.none(), translated(error)
    if given["category"]:
        products = products.filter(category__key=category_key(given["category"]))
    for name in ("availability", "group"):
        if given[name]:
            products = products.filter(**{name: given[name]})
    return products, given
