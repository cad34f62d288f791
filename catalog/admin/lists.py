"""Lists that survive whatever somebody writes into their address."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

MOST_LETTERS, MOST_WORDS = 200, 20  # of a search; the database takes a few hundred words at most


class BoundedChangeList(ChangeList):
    """A list whose filters may be nonsense only the database sees, such as an id of 22 digits."""

    def get_results(self, request: HttpRequest) -> None:
        try:
            with transaction.atomic():  # after an error PostgreSQL takes nothing until its end
                super().get_results(request)
        except (OverflowError, DatabaseError) as error:
            raise IncorrectLookupParameters(error) from error  # Django shows the list without them


class BoundedLists:
    """What an admin's list takes from those who ask."""

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return BoundedChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        words = search_term[:MOST_LETTERS].split()[:MOST_WORDS]
        found: tuple[QuerySet[Any], bool]
        found = super().get_search_results(request, queryset, " ".join(words))  # type: ignore[misc]
        return found

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *where: Any
    ) -> HttpResponse | None:
        if not all(map(_is_id, request.POST.getlist(ACTION_CHECKBOX_NAME))):
            messages.error(request, "One of the chosen rows can't be there. Choose again.")
            return redirect(request.get_full_path())
        answer: HttpResponse | None
        answer = super().response_action(request, queryset, *where)  # type: ignore[misc]
        return answer


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19
