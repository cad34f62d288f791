"""Actions on the products that are selected in the list."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalog.embedding.progress import STATES
from catalog.messages import Amount, counted
from catalog.messages.translation import translated
from catalog.models import EmbeddedQuerySet, Product, ProductPhoto, fetch_products_again
from catalog.tasks import TASK_ROWS, batched_messages, hand_to_workers

# Without workers, the request itself reads the pictures: about thirty a second.
MAX_PICTURES_OF_REQUEST = 200


@admin.action(
    permissions=["change"],
    description=gettext_lazy("Retry: read the pictures that have no vector"),
)
def retry(model_admin: Any, request: HttpRequest, products: QuerySet[Product]) -> None:
    """Embed the pictures, including further photos, that failed or wait."""
    _embed(request, products, STATES["pending"] | STATES["failed"])


@admin.action(
    permissions=["change"], description=gettext_lazy("Re-embed: read all pictures once more")
)
def embed_again(model_admin: Any, request: HttpRequest, products: QuerySet[Product]) -> None:
    """Embed all pictures again, including further photos."""
    _embed(request, products, ~STATES["missing"])


@admin.action(
    permissions=["change"],
    description=gettext_lazy("Fetch again: replace pictures by those at their addresses"),
)
def refetch(model_admin: Any, request: HttpRequest, products: QuerySet[Product]) -> None:
    """Fetch all pictures that have an address again, including further photos."""
    count = fetch_products_again(products.order_by().values("pk"))
    text = translated(
        counted(
            "%(number)s picture is being fetched again.",
            "%(number)s pictures are being fetched again.",
            Amount(count),
        )
    )
    if settings.CELERY_TASK_ALWAYS_EAGER and count > TASK_ROWS:
        rest = _("Run manage.py refetch_pictures for those beyond the first hundred.")
        text = f"{text} {rest}"
    messages.success(request, text)


@admin.action(
    permissions=["change"], description=gettext_lazy("Hide from the shop and from search")
)
def hide(model_admin: Any, request: HttpRequest, products: QuerySet[Product]) -> None:
    """Make these products inactive."""
    # Those that a feed had hidden stay hidden when they are back in it.
    products.exclude(left_feed_at=None).update(left_feed_at=None, revision=F("revision"))
    count = _set_active(products, False)
    sentence = counted(
        "%(number)s product is hidden now.", "%(number)s products are hidden now.", Amount(count)
    )
    messages.success(request, translated(sentence))


@admin.action(permissions=["change"], description=gettext_lazy("Show in the shop and in search"))
def show(model_admin: Any, request: HttpRequest, products: QuerySet[Product]) -> None:
    """Make these products active."""
    count = _set_active(products, True)
    sentence = counted(
        "%(number)s product is shown now.", "%(number)s products are shown now.", Amount(count)
    )
    messages.success(request, translated(sentence))


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
        sentence = counted(
            "%(number)s picture is being read again.",
            "%(number)s pictures are being read again.",
            Amount(count),
        )
        messages.success(request, translated(sentence))
    else:
        sentence = counted(
            "%(number)s picture waits to be read again, and its product can't be found until then. "
            "Without a worker, run: python manage.py build_embeddings",
            "%(number)s pictures wait to be read again, and their products can't be found until "
            "then. Without a worker, run: python manage.py build_embeddings",
            Amount(count),
        )
        messages.warning(request, translated(sentence))


def _set_active(products: QuerySet[Product], active: bool) -> int:
    changing = products.filter(active=not active)
    return changing.update(active=active, updated_at=timezone.now())
