from typing import Any

import pytest

from catalog.models import Category, Product
from search.doctor.findings import count, settle
from search.doctor.judging import Evidence, Suspicion
from search.doctor.models import Finding, Kind, State
from tests.conftest import MakeProduct, Picture


@pytest.fixture
def products(make_product: MakeProduct, picture: Picture) -> list[Product]:
    return [make_product(f"Mug {seed}", image=picture(seed)) for seed in range(3)]


def suspicion(kind: Kind, *products: Product, category: Category | None = None) -> Suspicion:
    evidence = (Evidence(product.pk, None, str(product.image)) for product in products)
    return Suspicion(kind, tuple(evidence), 0.5, category and category.pk)


def dismiss_all() -> None:
    Finding.objects.update(state=State.DISMISSED)


def test_suspicions_become_findings_once(products: list[Product]) -> None:
    suspicions = [suspicion(Kind.DUPLICATE, *products[:2]), suspicion(Kind.TINY, products[2])]
    settle(suspicions)
    before = set(Finding.objects.values_list("pk", flat=True))
    settle(reversed(suspicions))
    assert set(Finding.objects.values_list("pk", flat=True)) == before
    assert count() == {Kind.DUPLICATE: 1, Kind.TINY: 1}


def test_what_is_no_longer_suspected_goes(products: list[Product]) -> None:
    settle([suspicion(Kind.TINY, products[0]), suspicion(Kind.TINY, products[1])])
    settle([suspicion(Kind.TINY, products[1])])
    assert Finding.objects.get().subjects.get().product == products[1]


def test_what_is_still_to_be_looked_at_stays(products: list[Product]) -> None:
    settle([suspicion(Kind.TINY, products[0]), suspicion(Kind.TINY, products[1])])
    settle([], pending={products[0].pk})
    assert Finding.objects.get().subjects.get().product == products[0]


def test_dismissed_pictures_are_not_brought_up_again(products: list[Product]) -> None:
    settle([suspicion(Kind.DUPLICATE, *products)])
    dismiss_all()
    settle([suspicion(Kind.DUPLICATE, *products)])
    settle([suspicion(Kind.DUPLICATE, *products[:2])])
    assert count() == {}
    settle([suspicion(Kind.BLURRED, products[0])])
    assert count() == {Kind.BLURRED: 1}


def test_dismissed_pictures_are_with_one_more(products: list[Product]) -> None:
    settle([suspicion(Kind.DUPLICATE, *products[:2])])
    dismiss_all()
    settle([suspicion(Kind.DUPLICATE, *products)])
    assert count() == {Kind.DUPLICATE: 1}


def test_dismissed_is_forgotten_when_the_picture_changes(products: list[Product]) -> None:
    settle([suspicion(Kind.TINY, products[0]), suspicion(Kind.TINY, products[1])])
    dismiss_all()
    Product.objects.filter(pk=products[0].pk).update(image="pictures/other.jpg")
    settle([])
    assert Finding.objects.get().subjects.get().product == products[1]


def test_dismissed_placeholder_is_all_right_on_any_product(products: list[Product]) -> None:
    Product.objects.update(image=products[0].image)
    alike = list(Product.objects.all())
    settle([suspicion(Kind.PLACEHOLDER, *alike[:2])])
    dismiss_all()
    settle([suspicion(Kind.PLACEHOLDER, *alike)])
    assert count() == {}


def test_dismissed_category_is_brought_up_if_it_is_another(products: list[Product]) -> None:
    shoes, hats = (Category.objects.create(name=name) for name in ("Shoes", "Hats"))
    settle([suspicion(Kind.CATEGORY, products[0], category=shoes)])
    dismiss_all()
    settle([suspicion(Kind.CATEGORY, products[0], category=shoes)])
    assert count() == {}
    settle([suspicion(Kind.CATEGORY, products[0], category=hats)])
    assert count() == {Kind.CATEGORY: 1}


@pytest.mark.django_db
def test_counting_is_one_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        count()
