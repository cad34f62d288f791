from typing import Any

import pytest
from django.core.files.base import ContentFile

from catalog.models import EmbeddingStatus, Product, ProductPhoto
from search.doctor.merging import NotMerged, merge, mergeable
from search.doctor.models import Finding
from tests.conftest import MakeProduct, Picture
from tests.search.doctor.conftest import Examine, demo, encoded


@pytest.fixture
def twins(
    make_product: MakeProduct, django_capture_on_commit_callbacks: Any, look: Examine
) -> Finding:
    """Two products of one picture, saved twice; the second has a further photo."""
    make_product("Mug", image=encoded(demo(0)))
    cup = make_product("Cup", image=encoded(demo(0), 70))
    with django_capture_on_commit_callbacks(execute=True):
        ProductPhoto(product=cup, image=ContentFile(encoded(demo(1)), "side.jpg")).save()
    look()
    return Finding.objects.get()


def revisions(finding: Finding) -> dict[int, int]:
    return {product.pk: product.revision for product in mergeable(finding)}


def test_keeps_one_with_the_pictures_it_lacks_and_hides_the_others(
    twins: Finding, look: Examine, django_capture_on_commit_callbacks: Any
) -> None:
    mug, cup = mergeable(twins)
    with django_capture_on_commit_callbacks(execute=True):
        merged = merge(twins, keep=mug.pk, seen=revisions(twins))
    assert (merged.kept, merged.hidden, merged.photos) == (mug, (cup,), 1)
    photo = mug.photos.get()
    assert photo.image.name == cup.photos.get().image.name
    assert photo.embedding_status == EmbeddingStatus.READY
    assert photo.image.is_stored()
    look()
    assert not Finding.objects.exists()


def test_deletes_nothing(twins: Finding) -> None:
    mug, cup = mergeable(twins)
    merge(twins, keep=mug.pk, seen=revisions(twins))
    hidden = Product.objects.get(pk=cup.pk)
    assert (hidden.active, hidden.name, hidden.image.name) == (False, "Cup", cup.image.name)
    assert hidden.photos.count() == 1
    kept = Product.objects.get(pk=mug.pk)
    assert (kept.active, kept.image.name) == (True, mug.image.name)


def test_refuses_what_has_changed_meanwhile(twins: Finding) -> None:
    seen = revisions(twins)
    Product.objects.filter(name="Cup").update(price="1.00")
    with pytest.raises(NotMerged, match="changed meanwhile"):
        merge(twins, keep=min(seen), seen=seen)
    assert Product.objects.filter(active=True).count() == 2
    assert Finding.objects.exists()


def test_refuses_a_product_of_another_finding(
    twins: Finding, make_product: MakeProduct, picture: Picture
) -> None:
    other = make_product("Vase", sku="vase", image=picture(2))
    with pytest.raises(NotMerged, match="Choose which"):
        merge(twins, keep=other.pk, seen=revisions(twins))


def test_refuses_what_was_hidden_by_somebody_else(twins: Finding) -> None:
    Product.objects.filter(name="Cup").update(active=False)
    seen = revisions(twins)
    with pytest.raises(NotMerged, match="Choose which"):
        merge(twins, keep=min(seen), seen=seen)
