"""What the pages take that the API does not."""

from django import forms


class ProductsForm(forms.Form):
    """The filter of the products page."""

    q = forms.CharField(max_length=200, required=False)
    category = forms.CharField(max_length=100, required=False)
