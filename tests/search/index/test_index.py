from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile

from catalog.embedders.runtime import Embedder
from catalog.models import Product, ProductPhoto
from catalog.tasks import embed_pending
from search.index import IndexCorpus, LiveIndex
from search.index.corpus import AVAILABILITIES, group_key
from tests.conftest import MakeProduct, Picture
from tests.waiting import until


@pytest.fixture
def products(make_product: MakeProduct, picture: Picture) -> list[Product]:
    """Five searchable products."""
    return [make_product(image=picture(seed), price=str(seed)) for seed in range(5)]


@pytest.fixture(params=["in memory", "over a snapshot"])
def index(request: Any, embedder: Embedder, products: list[Product]) -> LiveIndex:
    """An index as of a new process."""
    if request.param == "over a snapshot":
        LiveIndex(embedder.identity, embedder.dim).compact()
    return LiveIndex(embedder.identity, embedder.dim)


def found_ids(corpus: IndexCorpus) -> list[int]:
    return sorted(corpus.products[corpus.live].tolist())


def expected_rows(identity: str) -> list[tuple[int, int, bytes]]:
    """(product id, photo id, vector) of all that search may show, read the plain way."""
    own = Product.objects.filter(active=True).exclude(image="").searchable(identity)
    more = ProductPhoto.objects.filter(product__active=True).exclude(image="").searchable(identity)
    rows = [(pk, -1, 0, bytes(data)) for pk, data in own.values_list("pk", "embedding")]
    columns = ("product_id", "position", "pk", "embedding")
    rows += [(*row, bytes(data)) for *row, data in more.values_list(*columns)]
    return [(product, photo, data) for product, _, photo, data in sorted(rows)]


def found_rows(corpus: IndexCorpus) -> list[tuple[int, int, bytes]]:
    """The same of what is found, by ranking everything there is."""
    everything = corpus.rank(np.eye(1280, dtype=np.float32)[0], len(corpus.products))
    found = []
    for segment, dead in ((corpus.base, set(corpus.dead.tolist())), (corpus.overlay, set())):
        for position, item in enumerate(segment.items(slice(0, len(segment.products)))):
            if position not in dead:
                found += [(item.product, row.photo, row.vector.tobytes()) for row in item.rows]
    products = [product for product, _, _ in found]
    assert sorted(corpus.products[everything.items].tolist()) == sorted(set(products))
    return sorted(found, key=lambda row: row[0])


def consistent(corpus: IndexCorpus) -> bool:
    """Whether it holds exactly what it should, each picture with its own vector and facts."""
    columns = (corpus.products, corpus.categories, corpus.prices, corpus.availabilities)
    columns += (corpus.groups,)
    facts = sorted(zip(*(column[corpus.live].tolist() for column in columns), strict=True))
    shown = Product.objects.in_bulk(found_ids(corpus))
    return found_rows(corpus) == expected_rows(corpus.identity) and facts == [
        (
            pk,
            product.category_id,
            float(product.selling_price),
            AVAILABILITIES.index(product.availability),
            group_key(pk, product.group, product.image.name),
        )
        for pk, product in sorted(shown.items())
    ]


def test_holds_every_searchable_product(index: LiveIndex, products: list[Product]) -> None:
    corpus = index.corpus()
    assert len(corpus) == 5
    assert consistent(corpus)


def test_stays_the_same_object_while_nothing_changes(
    index: LiveIndex, products: list[Product], django_assert_num_queries: Any
) -> None:
    before = index.corpus()
    with django_assert_num_queries(2):
        assert index.corpus() is before


def test_follows_every_kind_of_change(
    index: LiveIndex,
    products: list[Product],
    make_product: MakeProduct,
    picture: Picture,
) -> None:
    a, b, c, d, _ = products
    seen = {index.corpus().generation}

    def assert_follows(count: int) -> None:
        corpus = index.corpus()
        assert len(corpus) == count
        assert consistent(corpus)
        assert corpus.generation not in seen
        seen.add(corpus.generation)

    make_product(image=picture(9))
    assert_follows(6)
    a.delete()
    assert_follows(5)
    b.active = False
    b.save()
    assert_follows(4)
    c.price = 77
    c.save()
    assert_follows(4)
    d.image = ContentFile(picture(10), "new.jpg")
    d.save()
    assert_follows(3)  # the old picture is gone at once, the new one not there yet
    embed_pending()
    assert_follows(4)
    Product.objects.update(active=False)
    assert_follows(0)


def test_reads_only_the_vectors_that_changed(
    index: LiveIndex, products: list[Product], django_assert_num_queries: Any
) -> None:
    index.corpus()
    products[2].save()
    with django_assert_num_queries(7) as queries:
        index.corpus()
    vectors = [q["sql"] for q in queries.captured_queries if '"embedding"' in q["sql"]]
    assert len(vectors) == 1
    assert f"IN ({products[2].pk})" in vectors[0]


@pytest.mark.parametrize(
    "damaged",
    [b"", b"short", np.full(1280, np.nan, "<f4").tobytes(), np.zeros(1280, "<f4").tobytes(),
     np.full(1280, np.inf, "<f4").tobytes(), np.ones(1280, "<f4").tobytes()],
    ids=["empty", "short", "nan", "zero", "infinite", "long"],
)  # fmt: skip
def test_leaves_out_a_damaged_vector_and_says_so(
    index: LiveIndex, products: list[Product], damaged: bytes, caplog: Any
) -> None:
    Product.objects.filter(pk=products[1].pk).update(embedding=damaged)
    corpus = index.corpus()
    assert products[1].pk not in found_ids(corpus)
    assert f"Product {products[1].pk} is left out" in caplog.text
    products[0].save()
    index.corpus()
    assert caplog.text.count("is left out") == 1, "it is not read again and again"


def test_leaves_out_vectors_of_another_network(embedder: Embedder, products: list[Product]) -> None:
    Product.objects.filter(pk=products[1].pk).update(embedder="mobilenet_v2-00000000")
    assert products[1].pk not in found_ids(LiveIndex(embedder.identity, embedder.dim).corpus())


def test_two_processes_agree_on_the_generation(
    index: LiveIndex, products: list[Product], embedder: Embedder
) -> None:
    index.corpus()
    products[0].delete()
    other = LiveIndex(embedder.identity, embedder.dim)
    assert index.corpus().generation == other.corpus().generation


def test_looks_at_the_database_no_more_often_than_told(
    index: LiveIndex, products: list[Product], settings: Any
) -> None:
    settings.INDEX_REFRESH_SECONDS = 60
    before = index.corpus()
    products[0].delete()
    assert index.corpus() is before
    settings.INDEX_REFRESH_SECONDS = 0.2
    until(lambda: len(index.corpus()), lambda count: count == 4)


def add_photo(product: Product, data: bytes, position: int = 0) -> ProductPhoto:
    photo = ProductPhoto(product=product, position=position)
    photo.image.save("photo.jpg", ContentFile(data), save=False)
    photo.save()
    return photo


def test_holds_the_further_photos_of_a_product_next_to_its_own(
    index: LiveIndex,
    products: list[Product],
    picture: Picture,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        second = add_photo(products[1], picture(21), position=2)
        first = add_photo(products[1], picture(22), position=1)
    corpus = index.corpus()
    assert consistent(corpus)
    (item,) = [
        item
        for item in corpus.overlay.items(slice(0, len(corpus.overlay.products)))
        if item.product == products[1].pk
    ]
    assert [row.photo for row in item.rows] == [0, first.pk, second.pk]
    assert len(corpus) == 5
    first.delete()
    assert consistent(index.corpus())
    products[1].active = False
    products[1].save()
    assert consistent(index.corpus())
    assert len(index.corpus()) == 4


def test_product_without_a_picture_of_its_own_is_found_by_its_photo(
    index: LiveIndex,
    make_product: MakeProduct,
    picture: Picture,
    django_capture_on_commit_callbacks: Any,
) -> None:
    product = make_product()
    with django_capture_on_commit_callbacks(execute=True):
        add_photo(product, picture(23))
    assert product.pk in found_ids(index.corpus())
    product.price = 555
    product.save()
    assert 555 in index.corpus().prices[index.corpus().live]


def test_follows_what_products_are_filtered_and_grouped_by(
    index: LiveIndex, products: list[Product]
) -> None:
    own = index.corpus().group_numbers
    assert len(set(own.tolist())) == 5
    changes: tuple[dict[str, Any], ...] = (
        {"sale_price": 0.5},
        {"availability": "out_of_stock"},
        {"group": "mugs"},
        {"group": ""},
    )
    for change in changes:
        Product.objects.filter(pk__in=[products[1].pk, products[3].pk]).update(**change)
        corpus = index.corpus()
        assert consistent(corpus)
        in_groups = np.unique(corpus.group_numbers[corpus.live])
        assert len(in_groups) == (4 if change.get("group") else 5)
        numbers = dict(zip(corpus.group_numbers.tolist(), corpus.groups.tolist(), strict=True))
        assert [numbers[n] for n in corpus.group_numbers.tolist()] == corpus.groups.tolist()


def test_product_that_comes_back_is_found_as_it_is_now(
    index: LiveIndex, products: list[Product]
) -> None:
    index.corpus()
    Product.objects.filter(pk=products[3].pk).update(active=False)
    assert products[3].pk not in found_ids(index.corpus())
    Product.objects.filter(pk=products[3].pk).update(active=True, price=12)
    assert consistent(index.corpus())
