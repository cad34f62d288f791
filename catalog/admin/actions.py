"""What can be done with products that were selected in the list."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import model_ngettext
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from catalog.embedding.progress import STATES
from catalog.models import EmbeddedQuerySet, Product, ProductPhoto
from catalog.tasks import batched_messages, hand_to_workers


@admin.action(permissions=["change"], description="Retry: read the pictures that have no vector")
def retry(model_admin: Any, request: HttpRequest, products: QuerySet[Product]) -> None:
    """Have the pictures of these products read that failed or wait, photos included."""
    waiting = STATES["pending"] | STATES["failed"]
    count = sum(_ask_again(rows.filter(waiting)) for rows in _pictures(products))
    messages.success(request, f"{_pictures_are(count)} being read again.")


@admin.action(permissions=["change"], description="Re-embed: read all pictures once more")
def embed_again(model_admin: Any, request: HttpRequest, products: QuerySet[Product]) -> None:
    """Have all pictures of these products read, photos included."""
    count = sum(_ask_again(rows.exclude(STATES["missing"])) for rows in _pictures(products))
    messages.success(request, f"{_pictures_are(count)} being read again.")


@admin.action(permissions=["change"], description="Hide from the shop and from search")
def hide(model_admin: Any, request: HttpRequest, products: QuerySet[Product]) -> None:
    """Make these products inactive."""
    changed = products.filter(active=True).update(active=False, updated_at=timezone.now())
    messages.success(request, f"{_products_are(changed)} hidden now.")


@admin.action(permissions=["change"], description="Show in the shop and in search")
def show(model_admin: Any, request: HttpRequest, products: QuerySet[Product]) -> None:
    """Make these products active."""
    changed = products.filter(active=False).update(active=True, updated_at=timezone.now())
    messages.success(request, f"{_products_are(changed)} shown now.")


def _pictures(products: QuerySet[Product]) -> tuple[EmbeddedQuerySet, EmbeddedQuerySet]:
    """The products' own pictures, and their further photos."""
    ids = products.order_by().values("pk")
    own: EmbeddedQuerySet = Product.objects.filter(pk__in=ids)
    photos: EmbeddedQuerySet = ProductPhoto.objects.filter(product__in=ids)
    return own, photos


def _ask_again(rows: EmbeddedQuerySet) -> int:
    """Make the rows pending, and ask once, after the commit, for what they lack."""
    with transaction.atomic(), batched_messages():
        for row in rows.order_by("pk").only("pk", "image").iterator():
            hand_to_workers(row)
        return rows.make_pending()


def _pictures_are(count: int) -> str:
    return "1 picture is" if count == 1 else f"{count} pictures are"


def _products_are(count: int) -> str:
    name = model_ngettext(Product._meta, count)
    return f"{count} {name} {'is' if count == 1 else 'are'}"
