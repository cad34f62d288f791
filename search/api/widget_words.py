"""The texts of the dialog and the shelf that the widget in `static/widget` shows.

The closed camera button brings its own texts, because it downloads nothing before it is used.
"""

from collections.abc import Callable
from typing import Any

from babel import Locale
from django.conf import settings
from django.utils.decorators import method_decorator
from django.utils.html import strip_tags
from django.utils.translation import (
    get_language,
    get_supported_language_variant,
    gettext,
    gettext_lazy,
    ngettext,
    override,
)
from django.views.decorators.cache import cache_control
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.api.schema import errors
from catalog.messages.translation import active_locale, text_direction
from catalog.models import Availability
from search.bands import WORDS as BANDS

HOUR = 3600
MAX_LANGUAGE = 35  # characters; the longest tag that BCP 47 asks programs to store
# Every text is a format: `%(count)s` becomes `{count}`, which the widget fills in, and `%%` is `%`.
# Most texts are also on the pages, some with tags, which are removed here.
TEXTS = {
    "title": gettext_lazy("Search with a photo"),
    "close": gettext_lazy("Close"),
    "back": gettext_lazy("Back to all results"),
    # choosing a picture
    "choose": gettext_lazy("Choose a photo"),
    "drop": gettext_lazy("Drop a photo here"),
    "dropOr": gettext_lazy("or <u>choose one</u>, or paste it"),
    "take": gettext_lazy("Take a photo"),
    "address": gettext_lazy("Address of a picture"),
    "addressHint": gettext_lazy("or paste the address of a picture"),
    "search": gettext_lazy("Search"),
    "privacy": gettext_lazy(
        "Your photo is used for this search only. It is kept for an hour, so that you can crop it "
        "and return to your results, and is then deleted."
    ),
    "reading": gettext_lazy("Reading your photo…"),
    "searching": gettext_lazy("Searching for similar products…"),
    # the picture that is searched with
    # Translators: a button; it leads back to choosing a photo.
    "another": gettext_lazy("Another photo"),
    "photo": gettext_lazy("The photo you gave"),
    "part": gettext_lazy("The part of the photo to search for"),
    "cropHow": gettext_lazy("Drag a box around the part to search for."),
    "cropKeys": gettext_lazy(
        "Arrow keys move the box, Shift and arrow keys change its size, Escape removes it."
    ),
    "enlarge": gettext_lazy("Enlarge your photo to search for a part of it"),
    "whole": gettext_lazy("Whole photo"),
    "liked": gettext_lazy("The results are similar to this product."),
    # filters
    "filters": gettext_lazy("Filters"),
    "threshold": gettext_lazy("At least this similar"),
    "showSimilar": gettext_lazy("Show what is similar in this catalog (%(least)s%%)"),
    "order": gettext_lazy("Order"),
    "best": gettext_lazy("Most similar first"),
    "cheapest": gettext_lazy("Lowest price first"),
    "dearest": gettext_lazy("Highest price first"),
    "price": gettext_lazy("Price"),
    "atLeast": gettext_lazy("At least"),
    "atMost": gettext_lazy("At most"),
    "category": gettext_lazy("Category"),
    "stock": gettext_lazy("Availability"),
    "withoutFilters": gettext_lazy("Remove all filters"),
    # results
    "nothing": gettext_lazy("Nothing close enough"),
    "noneReaches": gettext_lazy("None of our products reaches %(least)s%% similarity."),
    "noneFiltered": gettext_lazy(
        "None of the products that match your filters reaches %(least)s%% similarity."
    ),
    "nearest": gettext_lazy("The closest ones"),
    "score": gettext_lazy("%(percent)s%% · %(band)s"),
    "before": gettext_lazy("Price before:"),
    "now": gettext_lazy("Now:"),
    "similar": gettext_lazy("Find similar"),
    "more": gettext_lazy("More like this"),
    "less": gettext_lazy("Less like this"),
    "votes": gettext_lazy("Your votes"),
    "undoMore": gettext_lazy("Undo: more like %(name)s"),
    "undoLess": gettext_lazy("Undo: less like %(name)s"),
    "variants": gettext_lazy("and %(more)s more"),
    "variantsOf": gettext_lazy("Only variants of %(name)s are shown."),
    "next": gettext_lazy("More"),
    "looksSimilar": gettext_lazy("Looks similar"),
    # errors
    "failed": gettext_lazy("That did not work"),
    # Translators: a button.
    "retry": gettext_lazy("Try again"),
    "unreachable": gettext_lazy(
        "We could not reach the shop. Please check your connection and try again."
    ),
    "unreadable": gettext_lazy(
        "The answer was not readable. Please try again, perhaps with a smaller photo."
    ),
    "tooLarge": gettext_lazy("The photo is too large. Please choose a smaller one."),
    "tooOften": gettext_lazy("You have searched very often just now."),
    "busy": gettext_lazy("The shop is very busy just now."),
}
PLURALS: dict[str, Callable[[int], str]] = {
    "found": lambda count: ngettext(
        "%(count)s product is at least %(least)s%% similar",
        "%(count)s products are at least %(least)s%% similar",
        count,
    ),
    "wait": lambda count: ngettext(
        "Please try again in {wait} second.", "Please try again in {wait} seconds.", count
    ),
}
PLACEHOLDERS = {
    name: f"{{{name}}}" for name in ("band", "count", "least", "more", "name", "percent")
}
# Between them, these numbers take every plural form of our languages.
NUMBERS = (*range(201), 10**6)


class LanguageSerializer(serializers.Serializer[Any]):
    """The language of the words."""

    language = serializers.CharField(
        max_length=MAX_LANGUAGE,
        required=False,
        help_text="The language's tag, such as de or de-CH. Without one, or for a language that "
        "the shop does not speak, the answer is in the language of the request.",
    )


class WidgetWordsSerializer(serializers.Serializer[Any]):
    """The words of the widget in one language."""

    language = serializers.CharField(help_text="The tag of the language that was found.")
    direction = serializers.ChoiceField(("ltr", "rtl"), help_text="In which it is written.")
    words = serializers.DictField(
        help_text="Texts by key. A text that depends on a number is an object of texts by plural "
        "category (CLDR), `match` and `availability` are objects of texts by value. Names in "
        "braces are placeholders.",
    )


@method_decorator(cache_control(public=True, max_age=HOUR), name="get")
class WidgetWordsView(APIView):
    """The words of the widget, in the language that its page asks for."""

    authentication_classes = ()

    @extend_schema(
        summary="The words of the widget",
        operation_id="widget_words",
        parameters=[LanguageSerializer],
        responses={200: WidgetWordsSerializer} | errors(400),
    )
    def get(self, request: Request) -> Response:
        given = LanguageSerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        with override(_supported(given.validated_data.get("language", ""))):
            found = widget_words()
        return Response(found, headers={"Content-Language": found["language"]})


def widget_words() -> dict[str, Any]:
    """The words in the active language, as the widget expects them."""
    locale = Locale.parse(active_locale())
    numbers: dict[str, int] = {}
    for number in NUMBERS:
        numbers.setdefault(locale.plural_form(number), number)
    words: dict[str, Any] = {key: _plain(str(text)) for key, text in TEXTS.items()}
    for key, text in PLURALS.items():
        words[key] = {form: _plain(text(number)) for form, number in numbers.items()}
    if days := settings.DEMAND_DAYS:
        words["privacy"] += " " + _kept_for_the_shop(days)
    words["match"] = {band: gettext(band) for band in BANDS}
    words["availability"] = {value: str(label) for value, label in Availability.choices}
    return {"language": get_language(), "direction": text_direction(), "words": words}


def _kept_for_the_shop(days: int) -> str:
    return ngettext(
        "Numbers that describe your photo are kept for %(days)s day, so that the shop learns what "
        "is missing from its catalog. The photo is not kept. A code tells the shoppers of one day "
        "apart; afterwards nobody can trace it.",
        "Numbers that describe your photo are kept for %(days)s days, so that the shop learns what "
        "is missing from its catalog. The photo is not kept. A code tells the shoppers of one day "
        "apart; afterwards nobody can trace it.",
        days,
    ) % {"days": days}


def _plain(text: str) -> str:
    return strip_tags(text % PLACEHOLDERS)


def _supported(language: str) -> str | None:
    try:
        return get_supported_language_variant(language)
    except LookupError:
        return get_language()
