"""How a file is understood, as the admin shows it before anything is imported."""

from itertools import islice
from typing import Any

from django.utils.translation import gettext_lazy as _

from catalog.importers import FORMATS
from catalog.importers.formats import CatalogFile
from catalog.models import Availability, default_currency

SHOWN_ROWS = 100  # of each table of a page
FIRST_PRODUCTS = 5  # shown as they were understood
FORMAT_CHOICES = [
    # Translators: the format of a file is the one that its columns show.
    ("", _("As the columns show")),
    *((key, format_.title) for key, format_ in FORMATS.items()),
]


def preview_of(file: CatalogFile) -> dict[str, Any]:
    """The context of `_understood.html`. Raises InvalidCatalogFile."""
    return {
        "understood": file,
        "used": file.headers(used=True),
        "ignored": file.headers(used=False),
        "first": list(islice(file, FIRST_PRODUCTS)),
        "stock": Availability.choices,
        "shown_rows": SHOWN_ROWS,
        "default_currency": default_currency(),
    }
