"""By what the list of products can be narrowed down."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from catalog.embedding.progress import STATES, current_identity, outdated
from catalog.models import Product, findable, invisible

Choices = list[tuple[str, str]]


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
