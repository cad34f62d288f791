"""The shop's name, address, logo and accent colour, as its pages show them."""

from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse

from search.branding.accent import Accent, accent_of
from search.branding.logo import InvalidLogo, Logo, readable_logo

__all__ = ["Accent", "InvalidLogo", "Logo", "Shop", "accent_of", "current_logo", "shop"]


@dataclass(frozen=True)
class Shop:
    """What pages show of the shop. It is made without the database, so error pages use it, too."""

    name: str
    url: str  # of its home page, or ""
    logo_url: str  # "" without a logo
    logo: Logo | None  # None without a file, also if the logo is on another host
    style_url: str  # of the style sheet with its accent colour, or ""

    @property
    def logo_is_name(self) -> bool:
        """Whether the name is in the logo, so that pages do not repeat it beside the logo."""
        return bool(self.logo_url) and (self.logo is None or self.logo.is_wide)

    @property
    def logo_is_symbol(self) -> bool:
        """Whether the logo is also the icon of a browser's tab."""
        return self.logo is not None and not self.logo.is_wide

    @property
    def logo_adapts(self) -> bool:
        """Whether the logo has colours of its own for dark pages."""
        return self.logo is not None and self.logo.adapts


def shop() -> Shop:
    """The shop as the settings describe it; a logo that can't be read is left out."""
    logo = current_logo()
    style = accent_of(settings.SHOP_ACCENT) if settings.SHOP_ACCENT else None
    if logo:
        logo_url = reverse("shop-logo", args=(logo.digest,))
    else:
        logo_url = settings.SHOP_LOGO if isinstance(settings.SHOP_LOGO, str) else ""
    return Shop(
        name=settings.SHOP_NAME,
        url=settings.SHOP_URL,
        logo_url=logo_url,
        logo=logo,
        style_url=reverse("shop-accent", args=(style.digest,)) if style else "",
    )


def current_logo() -> Logo | None:
    """The logo in the file that SHOP_LOGO names, None if there is none or it can't be read."""
    if not settings.SHOP_LOGO or isinstance(settings.SHOP_LOGO, str):
        return None
    return readable_logo(settings.SHOP_LOGO)
