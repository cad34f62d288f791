"""What the doctor's pages take."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.http import QueryDict

from catalog.models import Product
from search.doctor.models import Kind, State

MAX_ID = 2**63 - 1


class FilterForm(forms.Form):
    """Which findings are listed. What can't be is as if it had not been asked."""

    kind = forms.ChoiceField(choices=Kind.choices, required=False)
    state = forms.ChoiceField(choices=State.choices, required=False)
    product = forms.IntegerField(min_value=1, max_value=MAX_ID, required=False)

    @classmethod
    def read(cls, query: QueryDict) -> dict[str, Any]:
        """What is asked, by field."""
        form = cls(query)
        form.full_clean()
        asked = {name: form.cleaned_data.get(name) for name in form.fields}
        return asked | {"state": asked["state"] or State.OPEN}


class MergeForm(forms.Form):
    """Which product is kept; the revisions say what the others were when they were looked at."""

    revisions = forms.CharField(max_length=20_000, widget=forms.HiddenInput)

    def __init__(self, products: Sequence[Product], data: QueryDict | None) -> None:
        seen = ",".join(f"{product.pk}:{product.revision}" for product in products)
        super().__init__(data, initial={"revisions": seen})
        self.products = products
        ids = [product.pk for product in products]
        self.fields["keep"] = forms.ModelChoiceField(Product.objects.filter(pk__in=ids))

    def clean_revisions(self) -> dict[int, int]:
        """The revisions by product."""
        try:
            pairs = (pair.split(":") for pair in self.cleaned_data["revisions"].split(","))
            return {int(pk): int(revision) for pk, revision in pairs}
        except ValueError as error:
            raise forms.ValidationError("This form is damaged. Open the page again.") from error


def ids_of(texts: Iterable[str]) -> list[int]:
    """The ids among these texts."""
    return [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 19]
