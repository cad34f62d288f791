"""What is said at once of a picture that somebody gave in the admin."""

from collections.abc import Iterator

import numpy as np
from django.contrib import messages
from django.core.files.storage import default_storage
from django.dispatch import receiver
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from catalog.embedders import EmbedderUnavailable
from catalog.embedders.runtime import Embedder
from catalog.models import EmbeddedPicture, Product, ProductPhoto
from catalog.pictures.gate import InvalidImage, open_image
from catalog.pictures.limits import image_limits
from catalog.serving import serving_embedder
from catalog.signals import pictures_saved
from search.doctor.facts import QUALITY, load_qualities
from search.doctor.judging import SAME, faults, normal_sharpness
from search.doctor.models import Finding
from search.doctor.qualities import are_alike, measure_stored, row_of
from search.engines import Scope, get_engine
from search.ranking.bounds import Vectors

MOST_NAMED = 3  # products that have the picture, too


@receiver(pictures_saved)
def tell(request: HttpRequest, pictures: list[EmbeddedPicture], **_options: object) -> None:
    """Say which of the pictures other products have, and which should be taken again."""
    for picture in pictures:
        for notice in notices(picture):
            messages.warning(request, notice)


def notices(picture: EmbeddedPicture) -> Iterator[SafeString | str]:
    """What is to be said of a row's picture, as sentences; nothing where it can't be read.

    The picture is looked at here and now: its vector may still wait for a worker.
    """
    name = str(picture.image)
    try:
        embedder = serving_embedder()
        with default_storage.open(name) as file:
            opened = open_image(file.read(), limits=image_limits(), at_least=embedder.detail)
    except (EmbedderUnavailable, InvalidImage, OSError, ValueError):
        return
    vector = embedder.embed(embedder.pixels(opened)[np.newaxis])
    for product in _also_on(_product_of(picture), name, vector, embedder):
        link = reverse("admin:catalog_product_change", args=(product.pk,))
        sentence = _('This picture is already on “<a href="{}">{}</a>” ({}).')
        yield format_html(sentence, link, product.name, product.sku)
    yield from _poor(name, embedder)


def _product_of(picture: EmbeddedPicture) -> int:
    return picture.product_id if isinstance(picture, ProductPhoto) else picture.pk


def _also_on(own: int, picture: str, vector: Vectors, embedder: Embedder) -> Iterator[Product]:
    corpus = get_engine().candidates(embedder.identity, vector[0], Scope(SAME))
    others = corpus.rank(vector[0], MOST_NAMED, threshold=SAME, mask=corpus.products != own)
    found = Product.objects.filter(pk__in=corpus.products[others.items].tolist())
    for product in found.prefetch_related("photos"):
        theirs = (str(row.image) for row in (product, *product.photos.all()))
        if any(name == picture or are_alike(name, picture) for name in theirs):
            yield product


def _poor(name: str, embedder: Embedder) -> Iterator[str]:
    quality = measure_stored(name)
    if quality is None:
        return
    measured = np.array([row_of(quality)], QUALITY)
    normal = normal_sharpness(load_qualities())
    for kind, found, measures in faults(measured, normal, embedder.input_size):
        if found[0]:
            finding = Finding(kind=kind, measure=float(measures[0]))
            yield _("Look at the new picture again. %(reason)s") % {"reason": finding.reason}
