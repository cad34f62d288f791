"""The accent's style sheet and the logo. Browsers keep both: their addresses change with them."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from search.branding import accent, current_logo

KEPT = "public, max-age=31536000, immutable"
# An address of before a change, or of another process that has restarted: this may be the last
# time that the contents differ.
CHANGED = "no-cache"
# A logo may have styles of its own, and is nothing but a picture.
LOGO_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


@csrf_exempt  # so that other methods get 405
@require_safe
def accent_style(request: HttpRequest, digest: str) -> HttpResponse:
    """The style sheet that sets the accent colour."""
    if not settings.SHOP_ACCENT:
        raise Http404
    style = accent(settings.SHOP_ACCENT)
    response = HttpResponse(style.style_sheet, "text/css; charset=utf-8")
    response["Cache-Control"] = KEPT if digest == style.digest else CHANGED
    return response


@csrf_exempt  # so that other methods get 405
@require_safe
def logo(request: HttpRequest, digest: str) -> HttpResponse:
    """The logo, if it is a file of this machine."""
    found = current_logo()
    if found is None:
        raise Http404
    response = HttpResponse(found.data, found.content_type)
    response["Cache-Control"] = KEPT if digest == found.digest else CHANGED
    response["Content-Security-Policy"] = LOGO_POLICY
    return response
