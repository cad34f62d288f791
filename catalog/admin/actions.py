"""Actions on the products that are selected in the list."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import model_ngettext
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from catalog.embedding.progress import STATES
from catalog.models import EmbeddedQuerySet, Product, ProductPhoto, fetch_products_again
from catalog.tasks import TASK_ROWS, batched_messages, hand_to_workers

# Without workers, the request itself reads the pictures: about thirty a second.
MAX_PICTURES_OF_REQUEST = 200


@admin.action(permissions=["change"], description="Retry: read the pictures that have no vector")
def retry(model_admin: Any, request: HttpRequest, products: QuerySet[Product]) -> None:
    """Embed the pictures, including further photos, that failed or wait."""
    _embed(request, products, STATES["pending"] | STATES["failed"])


@admin.action(permissions=["change"], description="Re-embed: read all pictures once more")
def embed_again(model_admin: Any, request: HttpRequest, products: QuerySet[Product]) -> None:
    """Embed all pictures again, including further photos."""
    _embed(request, products, ~STATES["missing"])


@admin.action(
    permissions=["change"], description="Fetch again: replace pictures by those at their addresses"
)
def refetch(model_admin: Any, request: HttpRequest, products: QuerySet[Product]) -> None:
    """Fetch all pictures that have an address again, including further photos."""
    count = fetch_products_again(products.order_by().values("pk"))
    sentence = f"{_pictures(count)} being fetched again."
    if settings.CELERY_TASK_ALWAYS_EAGER and count > TASK_ROWS:
        sentence += " Run manage.py refetch_pictures for those beyond the first hundred."
    messages.success(request, sentence)


@admin.action(permissions=["change"], description="Hide from the shop and from search")
def hide(model_admin: Any, request: HttpRequest, products: QuerySet[Product]) -> None:
    """Make these products inactive."""
    # Those that a feed had hidden stay hidden when they are back in it.
    products.exclude(left_feed_at=None).update(left_feed_at=None, revision=F("revision"))
    _set_active(request, products, False, "hidden")


@admin.action(permissions=["change"], description="Show in the shop and in search")
def show(model_admin: Any, request: HttpRequest, products: QuerySet[Product]) -> None:
    """Make these products active."""
    _set_active(request, products, True, "shown")


def _embed(request: HttpRequest, products: QuerySet[Product], which: Q) -> None:
    """Make those of the products' pictures pending, and hand them to workers together."""
    ids = products.order_by().values("pk")
    own: EmbeddedQuerySet = Product.objects.filter(which, pk__in=ids)
    photos: EmbeddedQuerySet = ProductPhoto.objects.filter(which, product__in=ids)
    counts = [rows.count() for rows in (own, photos)]
    has_workers = not settings.CELERY_TASK_ALWAYS_EAGER
    is_handed_on = has_workers or sum(counts) <= MAX_PICTURES_OF_REQUEST
    for rows in (own, photos):
        with transaction.atomic(), batched_messages():
            if is_handed_on:
                for row in rows.order_by("pk").only("pk", "image").iterator():
                    hand_to_workers(row)
            rows.make_pending()
    count = sum(counts)
    if is_handed_on:
        messages.success(request, f"{_pictures(count)} being read again.")
    else:
        messages.warning(
            request,
            f"{count:,} pictures wait to be read again, and their products can't be found until "
            "then. Without a worker, run: python manage.py build_embeddings",
        )


def _pictures(count: int) -> str:
    return "1 picture is" if count == 1 else f"{count:,} pictures are"


def _set_active(request: HttpRequest, products: QuerySet[Product], active: bool, word: str) -> None:
    changing = products.filter(active=not active)
    count = changing.update(active=active, updated_at=timezone.now())
    verb = "is" if count == 1 else "are"
    name = model_ngettext(Product._meta, count)
    messages.success(request, f"{count:,} {name} {verb} {word} now.")
