"""The language of a request: what the visitor chose, or what the browser asks for."""

from django.http import HttpRequest, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils.cache import patch_vary_headers

# Types of answers that have sentences.
IN_WORDS = ("text/html", "application/json", "application/manifest+json")


class LanguageMiddleware(LocaleMiddleware):
    """Django's middleware, with `Vary: Cookie`, since a cookie can choose the language.

    Pictures and style sheets are the same in every language, so they get neither header and caches
    need only one copy.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Name the language, and the request's headers that chose it."""
        if not response.headers.get("Content-Type", "").startswith(IN_WORDS):
            return response
        patch_vary_headers(response, ("Cookie",))
        return super().process_response(request, response)
