"""The manifest with which browsers install the pages as an app that pictures are shared with."""

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from catalog.messages.translation import text_direction
from search.branding.accent import LIGHT, accent_of

DEFAULT_ACCENT = "#17614a"  # as in `pages.css`
# Name, size and purpose; `docs/icons.py` draws them.
ICONS = (("192", 192, "any"), ("512", 512, "any"), ("maskable-512", 512, "maskable"))


@csrf_exempt  # so that other methods get 405
@require_safe
def manifest(request: HttpRequest) -> JsonResponse:
    """The shop's name, colours and icons, and what other apps may share with it."""
    home = reverse("search")
    about = {
        "id": home,
        "name": settings.SHOP_NAME,
        "description": gettext("Search our products with a photo."),
        "lang": get_language(),
        "dir": text_direction(),
        "start_url": home,
        "scope": home,
        "display": "standalone",
        "theme_color": accent_of(settings.SHOP_ACCENT or DEFAULT_ACCENT).light.accent,
        "background_color": LIGHT.paper,
        "icons": [
            {
                "src": static(f"icons/{name}.png"),
                "sizes": f"{side}x{side}",
                "type": "image/png",
                "purpose": purpose,
            }
            for name, side, purpose in ICONS
        ],
        "share_target": {  # `search.pages.posted` reads these
            "action": reverse("share"),
            "method": "POST",
            "enctype": "multipart/form-data",
            "params": {
                "title": "title",
                "text": "text",
                "url": "url",
                "files": [{"name": "file", "accept": ["image/*"]}],
            },
        },
    }
    return JsonResponse(about, content_type="application/manifest+json")
