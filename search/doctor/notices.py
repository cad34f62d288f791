"""Tells staff at once what is wrong with pictures that they have just saved."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
from django.db.models import Q
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from catalog.embedders import EmbedderUnavailable
from catalog.embedders.runtime import Embedder
from catalog.embedding.batches import embed_pictures
from catalog.models import EmbeddedPicture, Product, ProductPhoto
from catalog.serving import serving_embedder
from catalog.vectors import from_bytes
from search.doctor.examination import load_qualities
from search.doctor.judging import SAME, faults
from search.doctor.measuring import QUALITY, are_same_layout, measure_stored
from search.doctor.models import Finding
from search.engines import Scope, get_engine
from search.index.corpus import Vector

MAX_NAMED = 3  # products with the same picture


def notices(pictures: Iterable[EmbeddedPicture]) -> Iterator[SafeString | str]:
    """Sentences about the pictures of rows that are committed.

    They name other products that have the same picture, and say what is poor about it. A picture
    that no worker has embedded yet is embedded here, by the same claims, so that nobody embeds it
    twice. If a worker is at it right now, only products with the very same file are found.
    """
    pictures = [picture for picture in pictures if picture.image]
    if not pictures:
        return
    try:
        embedder = serving_embedder()
    except EmbedderUnavailable:
        return
    vectors, among = _vectors(pictures, embedder), load_qualities()
    for picture in pictures:
        vector = vectors.get((type(picture), picture.pk))
        for product in _products_with(picture, vector, embedder):
            link = reverse("admin:catalog_product_change", args=(product.pk,))
            sentence = _('This picture is already on “<a href="{link}">{name}</a>” ({sku}).')
            yield format_html(sentence, link=link, name=product.name, sku=product.sku)
        quality = measure_stored(str(picture.image))
        if quality is None:
            continue
        measured = np.array([quality.row()], QUALITY)
        for kind, found, measures in faults(measured, among, embedder.input_size):
            if found[0]:
                finding = Finding(kind=kind, measure=float(measures[0]))
                yield _("Look at the new picture again. %(reason)s") % {"reason": finding.reason}


def _vectors(
    pictures: Iterable[EmbeddedPicture], embedder: Embedder
) -> dict[tuple[type[EmbeddedPicture], int], Vector]:
    """The vectors (dim,) of these rows by model and id, without those that have none yet."""
    ids = defaultdict(list)
    for picture in pictures:
        ids[type(picture)].append(picture.pk)
    vectors: dict[tuple[type[EmbeddedPicture], int], Vector] = {}
    for model, keys in ids.items():
        rows = model.objects.filter(pk__in=keys)
        list(embed_pictures(rows.due(), embedder))
        stored = rows.searchable(embedder.identity).values_list("pk", "embedding")
        vectors |= {(model, pk): from_bytes(data, embedder.dim) for pk, data in stored}
    return vectors


def _products_with(
    picture: EmbeddedPicture, vector: Vector | None, embedder: Embedder
) -> Iterator[Product]:
    """Other products that shoppers see with this picture, a few at most."""
    own = picture.product_id if isinstance(picture, ProductPhoto) else picture.pk
    name = str(picture.image)
    if vector is None:
        same_file = Q(image=name) | Q(photos__image=name)
        products = Product.objects.filter(same_file, active=True).exclude(pk=own)
        yield from products.distinct()[:MAX_NAMED]
        return
    corpus = get_engine().candidates(embedder.identity, vector, Scope(SAME))
    others = corpus.rank(vector, MAX_NAMED, threshold=SAME, mask=corpus.products != own)
    found = Product.objects.filter(pk__in=corpus.products[others.items].tolist())
    for product in found.prefetch_related("photos"):
        theirs = (str(row.image) for row in (product, *product.photos.all()))
        if any(other == name or are_same_layout(other, name) for other in theirs):
            yield product
