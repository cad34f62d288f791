import logging
from pathlib import Path
from typing import Any

import pytest
from kombu.exceptions import OperationalError

from catalog import tasks
from catalog.models import EmbeddingStatus, Product
from tests.conftest import MakeProduct, Picture


def test_saving_asks_a_worker_where_there_is_a_broker_that_is_down(
    make_product: MakeProduct, picture: Picture, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(tasks.embed, "apply_async", refuse)
    product = make_product(image=picture(1))
    assert product.embedding_status == EmbeddingStatus.PENDING
    assert "the broker is down" in caplog.text


def test_picture_waits_where_the_network_is_not_prepared(
    make_product: MakeProduct, picture: Picture, settings: Any, tmp_path: Path, caplog: Any
) -> None:
    settings.MODEL_DIR = tmp_path
    product = make_product(image=picture(1))
    assert product.embedding_status == EmbeddingStatus.PENDING
    assert "download_model" in caplog.text


def test_task_is_safe_to_repeat(make_product: MakeProduct, picture: Picture) -> None:
    product = make_product(image=picture(1))
    before = product.embedded_at
    tasks.embed("catalog.Product", [product.pk, 10**9])
    product.refresh_from_db()
    assert product.embedded_at == before


def test_failure_is_logged(make_product: MakeProduct, caplog: Any) -> None:
    with caplog.at_level(logging.WARNING):
        product = make_product(image=b"no picture")
    assert f"catalog.Product {product.pk} has no vector" in caplog.text
    assert Product.objects.get().embedding_status == EmbeddingStatus.FAILED
