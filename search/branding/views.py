"""The accent's style sheet and the logo. Browsers keep both: their addresses change with them."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from search.branding import accent_of, current_logo

KEPT = "public, max-age=31536000, immutable"
# The address is from before a change, or from a process that has restarted with another setting, so
# the contents are not those that it names.
CHANGED = "no-cache"
# An SVG may have styles and nothing that acts: it is shown as a picture only.
LOGO_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


@csrf_exempt  # so that other methods get 405
@require_safe
def accent_style(request: HttpRequest, digest: str) -> HttpResponse:
    """The style sheet that sets the accent colour."""
    if not settings.SHOP_ACCENT:
        raise Http404
    style = accent_of(settings.SHOP_ACCENT)
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
