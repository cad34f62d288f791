"""The choice of a language at the foot of every page."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.i18n import set_language


@csrf_exempt  # it sets a cookie, and changes nothing else
def choose_language(request: HttpRequest) -> HttpResponse:
    """Keep the language in a cookie, and return to the page where it was chosen.

    That page is the referrer. A field of the form could not name it, because scripts change the
    address of a search without loading the page again.
    """
    request.META.setdefault("HTTP_REFERER", reverse("search"))  # Django's default is "/"
    response: HttpResponse = set_language(request)
    return response
