"""Lists in the admin: their filters, and bounds on what an address may ask of the database."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db import DatabaseError, transaction
from django.db.models import PROTECT, SET_NULL, Model, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.formats import number_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from catalog.embedding.columns import IN_WORK
from catalog.embedding.progress import STATE_NAMES, STATES, current_identity, outdated
from catalog.messages import Amount, counted
from catalog.messages.translation import translated
from catalog.models import MAX_ID, Product, findable, invisible
from catalog.values import MAX_WORDS, MAX_WORDS_TEXT

Choices = list[tuple[str, str]]

SHOWN_NAMES = 20  # of the rows that a deletion would remove
DELETED_ROWS = 200  # in one transaction
SELLING_PRICE = Coalesce("sale_price", "price")


class BoundedChangeList(ChangeList):
    """A list that treats filters which the database refuses as invalid ones, such as huge ids."""

    def get_results(self, request: HttpRequest) -> None:
        try:
            with transaction.atomic():  # PostgreSQL refuses further queries after an error
                super().get_results(request)
        except (OverflowError, DatabaseError) as error:
            raise IncorrectLookupParameters(error) from error  # Django shows the list without them


class BoundedLists:
    """Bounds the searches, selections and deletions of an admin's list."""

    delete_selected_confirmation_template: Any = "admin/delete_selected.html"

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return BoundedChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        words = search_term[:MAX_WORDS_TEXT].split()[:MAX_WORDS]
        found: tuple[QuerySet[Any], bool]
        found = super().get_search_results(request, queryset, " ".join(words))  # type: ignore[misc]
        return found

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *where: Any
    ) -> HttpResponse | None:
        if not all(map(_is_id, request.POST.getlist(ACTION_CHECKBOX_NAME))):
            messages.error(request, _("One of the selected rows can't exist. Select again."))
            return redirect(request.get_full_path())
        # The confirmation of a deletion selects "all" rows anew, and there may be others by now.
        confirmed = request.POST.get("count")
        if confirmed and confirmed != str(queryset.count()):
            sentence = _("The list has changed. Nothing was deleted; select again.")
            messages.error(request, sentence)
            return redirect(request.get_full_path())
        answer: HttpResponse | None
        answer = super().response_action(request, queryset, *where)  # type: ignore[misc]
        return answer

    def get_deleted_objects(
        self, rows: Iterable[Model], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """What a deletion would remove: some names, all counts, and what forbids it.

        Django makes a link for every row and for every row that depends on it, which takes minutes
        and a page of megabytes where thousands are selected.
        """
        model: type[Model] = self.model  # type: ignore[attr-defined]
        chosen = (
            rows
            if isinstance(rows, QuerySet)
            else model._default_manager.filter(pk__in=[row.pk for row in rows])
        )
        ids = chosen.order_by().values("pk")
        count = chosen.count()
        names: list[Any] = [str(row) for row in chosen[:SHOWN_NAMES]]
        if count > len(names):
            rest = Amount(count - len(names))
            names.append(translated(counted("and %(number)s more", "and %(number)s more", rest)))
        counts = {str(model._meta.verbose_name_plural): count}
        forbidding = []
        for relation in model._meta.related_objects:
            related = relation.related_model._base_manager
            number = related.filter(**{f"{relation.field.name}__in": ids}).count()
            name = str(relation.related_model._meta.verbose_name_plural)
            if number and relation.on_delete is PROTECT:
                shown = number_format(number, force_grouping=True)
                forbidding.append(f"{capfirst(name)}: {shown}")
            elif number and relation.on_delete is not SET_NULL:
                counts[name] = number
        lacking = set()
        if not self.has_delete_permission(request):  # type: ignore[attr-defined]
            lacking.add(str(model._meta.verbose_name))
        return names, counts, lacking, forbidding

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete in several transactions, so that others can write in between."""
        ids = list(queryset.order_by("pk").values_list("pk", flat=True))
        for start in range(0, len(ids), DELETED_ROWS):
            chunk = ids[start : start + DELETED_ROWS]
            queryset.model._default_manager.filter(pk__in=chunk).delete()


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("picture")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        names = [(name, str(word)) for name, word in STATE_NAMES.items()]
        return [*names, ("not fetched again", _("not fetched again"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        state = str(self.value())
        if state == "outdated":
            return queryset.filter(outdated(current_identity()))
        if state == "not fetched again":
            return queryset.exclude(refetch_error=None).exclude(refetch_error=IN_WORK)
        return queryset.filter(STATES[state]) if state in STATES else queryset


class FoundFilter(admin.SimpleListFilter):
    title = pgettext_lazy("heads: finds it, can't find it, hidden from it", "search")
    parameter_name = "found"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        # Translators: the search finds the product, or can't, or the product is hidden from it.
        words = _("finds it"), _("can't find it"), _("hidden from it")
        return list(zip(("yes", "no", "hidden"), words, strict=True))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        if self.value() == "yes":
            return queryset.filter(findable())
        if self.value() == "no":
            return queryset.filter(invisible())
        return queryset.filter(active=False) if self.value() == "hidden" else queryset


class PriceFilter(admin.SimpleListFilter):
    title = gettext_lazy("price")
    parameter_name = "price"
    # Translators: these are ranges of prices.
    BANDS = (
        ("0-10", gettext_lazy("up to 10")),
        ("10-25", gettext_lazy("10 to 25")),
        ("25-50", gettext_lazy("25 to 50")),
        ("50-", gettext_lazy("from 50")),
    )

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(band, str(words)) for band, words in self.BANDS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        if self.value() not in dict(self.BANDS):
            return queryset
        low, high = str(self.value()).split("-")
        queryset = queryset.alias(cost=SELLING_PRICE).filter(cost__gte=low)
        return queryset.filter(cost__lt=high) if high else queryset


def field_name(name: str) -> str:
    """What a field of products, such as "photos", is called in the active language."""
    field: Any = Product._meta.get_field(name)
    if field.one_to_many:
        return capfirst(str(field.related_model._meta.verbose_name_plural))
    return capfirst(str(field.verbose_name))


def _is_id(text: str) -> bool:
    is_number = text.isascii() and text.isdecimal() and len(text) < 20
    return is_number and int(text) <= MAX_ID
