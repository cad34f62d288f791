"""Lists in the admin: their filters, and bounds on what an address may ask of the database."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from catalog.embedding.progress import STATES, current_identity, outdated
from catalog.models import MAX_ID, Product, findable, invisible

Choices = list[tuple[str, str]]

MAX_SEARCH_LETTERS = 200
MAX_SEARCH_WORDS = 20  # each is a condition of the query; databases take a few hundred


class BoundedChangeList(ChangeList):
    """A list that treats filters which the database refuses as invalid ones, such as huge ids."""

    def get_results(self, request: HttpRequest) -> None:
        try:
            with transaction.atomic():  # PostgreSQL refuses further queries after an error
                super().get_results(request)
        except (OverflowError, DatabaseError) as error:
            raise IncorrectLookupParameters(error) from error  # Django shows the list without them


class BoundedLists:
    """Bounds the searches and selections of an admin's list."""

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return BoundedChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        words = search_term[:MAX_SEARCH_LETTERS].split()[:MAX_SEARCH_WORDS]
        found: tuple[QuerySet[Any], bool]
        found = super().get_search_results(request, queryset, " ".join(words))  # type: ignore[misc]
        return found

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *where: Any
    ) -> HttpResponse | None:
        if not all(map(_is_id, request.POST.getlist(ACTION_CHECKBOX_NAME))):
            messages.error(request, "One of the selected rows can't exist. Select again.")
            return redirect(request.get_full_path())
        answer: HttpResponse | None
        answer = super().response_action(request, queryset, *where)  # type: ignore[misc]
        return answer


class StateFilter(admin.SimpleListFilter):
    title = "picture"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [*((name, name) for name in STATES), ("outdated", "outdated")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        state = str(self.value())
        if state == "outdated":
            return queryset.filter(outdated(current_identity()))
        return queryset.filter(STATES[state]) if state in STATES else queryset


class FoundFilter(admin.SimpleListFilter):
    title = "search"
    parameter_name = "found"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("yes", "finds it"), ("no", "can't find it"), ("hidden", "hidden from it")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        if self.value() == "yes":
            return queryset.filter(findable())
        if self.value() == "no":
            return queryset.filter(invisible())
        return queryset.filter(active=False) if self.value() == "hidden" else queryset


class PriceFilter(admin.SimpleListFilter):
    title = "price"
    parameter_name = "price"
    BANDS = (("0-10", "up to 10"), ("10-25", "10 to 25"), ("25-50", "25 to 50"), ("50-", "from 50"))

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return list(self.BANDS)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        if self.value() not in dict(self.BANDS):
            return queryset
        low, high = str(self.value()).split("-")
        queryset = queryset.filter(price__gte=low)
        return queryset.filter(price__lt=high) if high else queryset


def _is_id(text: str) -> bool:
    is_number = text.isascii() and text.isdecimal() and len(text) < 20
    return is_number and int(text) <= MAX_ID
