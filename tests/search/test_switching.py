import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.test import Client

from catalog.models import Product
from catalog.serving import serving_embedder
from search.engines import load_engine
from search.index import LiveIndex
from tests.conftest import MakeProduct, Picture

OLD, NEW = "efficientnet_lite0", "mobilenet_v2"


@pytest.fixture
def two_networks(settings: Any, tmp_path: Path, model_dir: Path) -> None:
    """Two prepared embedders: the real one, and the same under the other's name."""
    folder = tmp_path / "models"
    source = (model_dir / OLD).resolve()
    shutil.copytree(source, folder / source.name)
    (folder / OLD).symlink_to(source.name)
    copy = folder / f"{NEW}-00000000"
    shutil.copytree(source, copy)
    (folder / NEW).symlink_to(copy.name)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest |= {"name": NEW, "identity": copy.name}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    settings.MODEL_DIR = folder


@pytest.fixture
def products(two_networks: None, make_product: MakeProduct, picture: Picture) -> list[Product]:
    """Six products with vectors of the old network."""
    return [make_product(image=picture(seed)) for seed in range(6)]


def found(client: Client, photo: bytes) -> tuple[str, set[int]]:
    """The embedder that answers, and which products."""
    response = client.post("/api/search/", {"file": ContentFile(photo, "a.jpg"), "threshold": 0})
    answer = response.json()
    return answer["query"]["embedder"].split("-")[0], {match["id"] for match in answer["results"]}


def test_old_vectors_are_searched_until_the_last_new_one_is_there(
    products: list[Product], client: Client, picture: Picture, settings: Any
) -> None:
    everything = {product.pk for product in products}
    assert found(client, picture(0)) == (OLD, everything)
    settings.EMBEDDER = NEW
    assert found(client, picture(0)) == (OLD, everything), "a new setting alone changes nothing"
    call_command("build_embeddings", "--limit", "4")
    assert Product.objects.filter(embedder__startswith=NEW).count() == 4
    assert found(client, picture(0)) == (OLD, everything)
    old = serving_embedder()
    fresh = LiveIndex(old.identity, old.dim).corpus()
    assert set(fresh.products.tolist()) == everything, "a process that starts now agrees"
    call_command("build_embeddings")
    assert found(client, picture(0)) == (NEW, everything)
    assert not (Path(settings.INDEX_DIR) / old.identity).exists()


def test_changes_during_the_switch_are_right_at_once(
    products: list[Product],
    make_product: MakeProduct,
    client: Client,
    picture: Picture,
    settings: Any,
) -> None:
    found(client, picture(0))
    settings.EMBEDDER = NEW
    call_command("build_embeddings", "--limit", "3")
    products[0].delete()
    products[1].active = False
    products[1].save()
    added = make_product(image=picture(20), sku="added")
    assert added.embedder.startswith(OLD), "it is findable now"
    left = {product.pk for product in products[2:]} | {added.pk}
    assert found(client, picture(0)) == (OLD, left)
    call_command("build_embeddings")
    assert found(client, picture(0)) == (NEW, left)


def test_going_back_is_the_same_command(
    products: list[Product], client: Client, picture: Picture, settings: Any
) -> None:
    everything = {product.pk for product in products}
    found(client, picture(0))
    for name in (NEW, OLD):
        settings.EMBEDDER = name
        call_command("build_embeddings")
        assert found(client, picture(0)) == (name, everything)


def test_failed_pictures_do_not_hold_the_switch_up(
    products: list[Product], client: Client, picture: Picture, settings: Any
) -> None:
    found(client, picture(0))
    Path(products[0].image.path).unlink()
    settings.EMBEDDER = NEW
    call_command("build_embeddings")
    assert found(client, picture(0)) == (NEW, {product.pk for product in products[1:]})


def test_network_that_is_served_but_gone_gives_way_to_the_setting(
    products: list[Product], client: Client, picture: Picture, settings: Any, caplog: Any
) -> None:
    found(client, picture(0))
    old = serving_embedder()
    load_engine.cache_clear()
    settings.EMBEDDER = NEW
    (Path(settings.INDEX_DIR) / "serving").unlink()
    (Path(settings.INDEX_DIR) / "serving").symlink_to("mobilenet_v2-ffffffff")
    assert serving_embedder().name == NEW
    assert "not prepared" in caplog.text
    assert old.name == OLD
