import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile

import search.index.live
import search.index.snapshots
from catalog.embedders.runtime import Embedder
from catalog.models import Product
from search.index import LiveIndex
from search.index.snapshots import LINK, InvalidSnapshot, load_snapshot
from search.ranking import bounds_of
from tests.conftest import MakeProduct, Picture
from tests.search.index.test_index import consistent, found_ids, found_rows
from tests.waiting import PATIENCE


@pytest.fixture
def products(make_product: MakeProduct, picture: Picture) -> list[Product]:
    """Seven searchable products."""
    return [make_product(image=picture(seed), price=str(seed)) for seed in range(7)]


@pytest.fixture
def new_index(embedder: Embedder) -> Any:
    """Makes an index as of a new process."""
    return lambda: LiveIndex(embedder.identity, embedder.dim)


def folder_of(products: list[Product], settings: Any) -> Path:
    return Path(settings.INDEX_DIR) / products[0].embedder


def test_process_starts_from_the_files_and_reads_no_vector(
    new_index: Any, products: list[Product], django_assert_max_num_queries: Any
) -> None:
    new_index().compact()
    with django_assert_max_num_queries(2 + 1) as queries:  # the two totals, the tuning
        corpus = new_index().corpus()
    assert not any('"embedding"' in query["sql"] for query in queries.captured_queries)
    assert consistent(corpus)
    assert not len(corpus.overlay.products)


def test_large_catalog_is_written_with_bounds(
    new_index: Any, products: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    new_index().compact()
    assert new_index().corpus().base.matrix.bounds is None
    products[0].save()
    monkeypatch.setattr(search.index.snapshots, "WORTHWHILE", 7)
    new_index().compact()
    corpus = new_index().corpus()
    rows, bounds = corpus.base.matrix.rows, corpus.base.matrix.bounds
    expected = bounds_of(rows)
    for name in ("basis", "heads", "bodies", "after_heads", "after_bodies"):
        assert np.array_equal(getattr(bounds, name), getattr(expected, name))
        assert (
            getattr(bounds, name).flags.f_contiguous == getattr(expected, name).flags.f_contiguous
        )
    ranking = corpus.rank(np.array(rows[3]), 5)
    assert corpus.products[ranking.items[0]] == products[3].pk


def test_every_process_has_the_same_generation_whatever_its_files(
    new_index: Any, products: list[Product]
) -> None:
    in_memory = new_index()
    before = in_memory.corpus().generation
    new_index().compact()
    assert new_index().corpus().generation == before
    assert in_memory.corpus().generation == before


def test_running_process_takes_up_the_files_of_another(
    new_index: Any, products: list[Product]
) -> None:
    running = new_index()
    assert not len(running.corpus().base.products)
    products[0].delete()
    new_index().compact()
    corpus = running.corpus()
    assert len(corpus.base.products) == 6
    assert not len(corpus.overlay.products)
    assert consistent(corpus)


def test_compacting_is_done_only_where_something_changed(
    new_index: Any, products: list[Product], settings: Any
) -> None:
    folder = folder_of(products, settings)
    new_index().compact()
    before = (folder / LINK).readlink()
    new_index().compact()
    assert (folder / LINK).readlink() == before
    products[0].save()
    new_index().compact()
    assert (folder / LINK).readlink() != before
    assert len([path for path in folder.iterdir() if not path.is_symlink()]) == 1


def test_overlay_that_grows_large_is_written_to_files(
    new_index: Any,
    products: list[Product],
    make_product: MakeProduct,
    picture: Picture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search.index.live, "OVERLAY_ROWS", 3)
    index = new_index()
    assert len(index.corpus().base.products) == 7
    for seed in range(20, 26):
        make_product(image=picture(seed))
        assert consistent(index.corpus())
    assert len(index.corpus().base.products) == 7
    index.compact_if_large()
    assert len(index.corpus().base.products) == 13
    assert consistent(index.corpus())


def test_catalog_is_searched_from_memory_where_no_file_can_be_written(
    new_index: Any,
    products: list[Product],
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    tmp_path: Path,
    caplog: Any,
) -> None:
    monkeypatch.setattr(search.index.live, "OVERLAY_ROWS", 2)
    (tmp_path / "file").touch()
    settings.INDEX_DIR = tmp_path / "file"
    index = new_index()
    assert consistent(index.corpus())
    products[0].delete()
    assert consistent(index.corpus())
    assert caplog.text.count("No snapshot can be written") == 1


@pytest.mark.parametrize("name", ["rows", "products", "revisions", "manifest.json"])
@pytest.mark.parametrize("damage", ["missing", "short", "changed"])
def test_damaged_files_are_as_good_as_none(
    new_index: Any, products: list[Product], settings: Any, name: str, damage: str
) -> None:
    new_index().compact()
    folder = folder_of(products, settings)
    path = (folder / "current" / name).resolve()
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(data[:-1] if damage == "short" else bytes(len(data)))
    with pytest.raises(InvalidSnapshot):
        load_snapshot(folder)
    assert consistent(new_index().corpus())
    new_index().compact()
    assert len(new_index().corpus().base.products) == 7, "another is written in its place"


def test_files_of_another_release_are_as_good_as_none(
    new_index: Any, products: list[Product], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(search.index.snapshots, "FORMAT", [1, 64, 64])
        new_index().compact()
    with pytest.raises(InvalidSnapshot, match="another release"):
        load_snapshot(folder_of(products, settings))
    assert consistent(new_index().corpus())
    new_index().compact()
    assert len(new_index().corpus().base.products) == 7


def test_files_of_another_catalog_are_outdated_and_nothing_more(
    new_index: Any, products: list[Product]
) -> None:
    new_index().compact()
    for product in products:
        product.save()
    corpus = new_index().corpus()
    assert consistent(corpus)
    assert len(corpus.dead) == 7


def test_files_that_are_removed_stay_mapped_where_they_are_searched(
    new_index: Any, products: list[Product]
) -> None:
    new_index().compact()
    running = new_index()
    running.corpus()
    running.remove_files()
    assert consistent(running.corpus())
    assert len(running.corpus().base.products) == 7


def test_snapshot_stands_in_for_vectors_that_gave_way_to_the_next_network(
    new_index: Any, products: list[Product], picture: Picture
) -> None:
    index = new_index()
    index.compact()
    before = found_rows(index.corpus())
    Product.objects.update(embedder="mobilenet_v2-00000000")
    products[0].delete()
    products[1].image = ContentFile(picture(30), "new.jpg")
    products[1].save()
    for later in (index, new_index()):
        after = later.corpus()
        assert found_ids(after) == [product.pk for product in products[2:]]
        assert found_rows(after) == before[2:]
        assert not len(after.overlay.products), "nothing is copied"
    index.compact()
    assert found_rows(new_index().corpus()) == before[2:]


def test_writer_that_is_killed_leaves_the_snapshot_before(tmp_path: Path) -> None:
    script = Path(__file__).with_name("killed_writers.py")
    done = subprocess.run(  # noqa: S603
        [sys.executable, script, tmp_path / "snapshots"],
        env=os.environ | {"VAR_DIR": str(tmp_path), "PYTHONPATH": str(script.parents[3])},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
