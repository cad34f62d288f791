from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from PIL import ImageOps

from catalog.models import Category, Product, ProductPhoto
from catalog.serving import serving_embedder
from search.doctor import examination, neighbours
from search.doctor.examination import load_measurements, load_qualities
from search.doctor.models import Finding, Kind
from search.tasks import examine_catalog
from tests.conftest import MakeProduct, Picture
from tests.search.doctor.conftest import Examine, demo, encoded, open_findings

TWINS = {frozenset({"Mug", "Cup"})}


@pytest.fixture
def twins(make_product: MakeProduct, picture: Picture) -> list[Product]:
    """Two products with one picture, and two others."""
    names = {"Mug": 1, "Cup": 1, "Vase": 2, "Lamp": 3}
    return [make_product(name, image=picture(seed)) for name, seed in names.items()]


def replace(product: Product, image: bytes, on_commit: Any) -> None:
    with on_commit(execute=True):
        product.image.save("photo.jpg", ContentFile(image))


def known_neighbours() -> neighbours.Neighbours:
    measurements = load_measurements(serving_embedder().identity)
    assert measurements
    return measurements.neighbours


def test_finds_one_picture_on_two_products(twins: list[Product], look: Examine) -> None:
    result = look()
    assert (result.products, result.left) == (4, 0)
    finding = Finding.objects.get()
    assert finding.kind == Kind.DUPLICATE
    assert finding.measure == pytest.approx(1)
    assert [subject.product for subject in finding.subjects.all()] == twins[:2]
    assert {subject.image for subject in finding.subjects.all()} == {twins[0].image.name}


def test_finds_it_among_the_further_photos(
    twins: list[Product], picture: Picture, look: Examine, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        photo = ProductPhoto(product=twins[2], image=ContentFile(picture(3), "side.jpg"))
        photo.save()
    look()
    assert open_findings(Kind.DUPLICATE) == TWINS | {frozenset({"Vase", "Lamp"})}
    assert Finding.objects.get(subjects__photo=photo).subjects.count() == 2


@pytest.mark.parametrize("end", ["replaced", "hidden", "deleted"])
def test_finding_goes_with_its_cause(
    twins: list[Product],
    picture: Picture,
    look: Examine,
    django_capture_on_commit_callbacks: Any,
    end: str,
) -> None:
    look()
    if end == "replaced":
        replace(twins[1], picture(9), django_capture_on_commit_callbacks)
    elif end == "hidden":
        Product.objects.filter(pk=twins[1].pk).update(active=False)
    else:
        twins[1].delete()
    look()
    assert not Finding.objects.exists()


def test_new_product_is_found_with_those_that_were_there(
    twins: list[Product], make_product: MakeProduct, picture: Picture, look: Examine
) -> None:
    look()
    make_product("Jar", image=picture(1))
    make_product("Bowl", image=picture(2))
    look()
    assert open_findings(Kind.DUPLICATE) == {
        frozenset({"Mug", "Cup", "Jar"}),
        frozenset({"Vase", "Bowl"}),
    }


def test_looks_only_at_what_has_changed(
    twins: list[Product],
    picture: Picture,
    look: Examine,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    look()
    measured = []
    measure = examination.measure_stored
    monkeypatch.setattr(
        examination, "measure_stored", lambda name: measured.append(name) or measure(name)
    )
    look()
    Product.objects.filter(pk=twins[0].pk).update(name="Beaker")
    look()
    assert measured == []
    replace(twins[2], picture(9), django_capture_on_commit_callbacks)
    look()
    assert measured == [twins[2].image.name]


def test_what_is_stopped_goes_on_and_takes_nothing_back(
    twins: list[Product], look: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    look()
    monkeypatch.setattr(neighbours, "BATCH_PRODUCTS", 1)
    assert look(anew=True, seconds=0).left == 4
    assert open_findings(Kind.DUPLICATE) == TWINS
    assert look().left == 0
    assert open_findings(Kind.DUPLICATE) == TWINS


def test_changed_neighbours_are_found_as_by_a_new_look(
    make_product: MakeProduct,
    look: Examine,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    monkeypatch.setattr(neighbours, "BATCH_PRODUCTS", 4)
    products = [make_product(f"Product {n}", image=encoded(demo(n))) for n in range(24)]
    look()
    for product, number in zip(products[:3], (30, 31, 32), strict=True):
        replace(product, encoded(demo(number)), django_capture_on_commit_callbacks)
    products[4].delete()
    make_product("One more", sku="one-more", image=encoded(demo(40)))
    look()
    little = known_neighbours()
    look(anew=True)
    anew = known_neighbours()
    assert (little.products == anew.products).all()
    assert (little.others == anew.others).all()
    assert (little.scores == anew.scores).all()


def test_category_counts_as_it_is_now(make_product: MakeProduct, look: Examine) -> None:
    for number in range(20):
        category = ("Tops", "Shoes")[number // 10]
        for border in (0, 90):
            image = encoded(ImageOps.crop(demo(number), border))
            make_product(f"{number}, {border}", category=category, image=image)
    look()
    assert open_findings(Kind.CATEGORY) == set()
    sneaker = Product.objects.get(name="10, 0")
    sneaker.category = Category.objects.get(name="Tops")
    sneaker.save()
    look()
    assert open_findings(Kind.CATEGORY) == {frozenset({"10, 0"})}
    finding = Finding.objects.get(kind=Kind.CATEGORY)
    assert finding.category == Category.objects.get(name="Shoes")


def test_missing_file_is_no_finding(twins: list[Product], look: Examine, settings: Any) -> None:
    (Path(settings.MEDIA_ROOT) / str(twins[2].image)).unlink()
    assert look().left == 0
    assert open_findings(Kind.DUPLICATE) == TWINS


@pytest.mark.parametrize("damaged", [b"", bytes(1000), b"PK\x03\x04 torn"])
def test_damaged_measurements_are_made_again(
    twins: list[Product], look: Examine, settings: Any, damaged: bytes
) -> None:
    look()
    (Path(settings.INDEX_DIR) / "doctor.npz").write_bytes(damaged)
    assert len(load_qualities()) == 0
    assert look().left == 0
    assert open_findings(Kind.DUPLICATE) == TWINS


def test_measurements_of_another_release_are_made_again(
    twins: list[Product], look: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    look()
    assert len(load_qualities()) == 3
    monkeypatch.setattr(examination, "FORMAT", examination.FORMAT + 1)
    assert len(load_qualities()) == 0
    assert look().left == 0
    assert len(load_qualities()) == 3
    assert open_findings(Kind.DUPLICATE) == TWINS


def test_worker_and_command_examine(twins: list[Product], capsys: Any) -> None:
    examine_catalog()
    assert open_findings(Kind.DUPLICATE) == TWINS
    call_command("examine_catalog", "--all")
    told = capsys.readouterr().out
    assert "4 products examined" in told
    assert "Same picture, several products: 1" in told


@pytest.mark.django_db
def test_empty_catalog_has_no_findings(look: Examine) -> None:
    assert look().products == 0
