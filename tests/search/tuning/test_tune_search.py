from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from catalog.embedders.runtime import Embedder
from catalog.models import Category, Product
from search.engines import corpus_for
from search.orders.models import PublishedTuning
from tests.conftest import MakeProduct, Picture


@pytest.mark.usefixtures("demo")
def test_orders_results_by_what_the_catalog_teaches_until_switched_off(
    embedder: Embedder, capsys: Any
) -> None:
    call_command("tune_search")
    printed = capsys.readouterr().out
    assert "in use from now on" in printed
    tuning = corpus_for(embedder.identity, embedder.dim).tuning
    assert tuning is not None
    assert len(tuning.categories) == 5
    table = [line.split() for line in printed.splitlines()]
    (plain,) = (line for line in table if line[0] == "none")
    (tuned,) = (line for line in table if line[0] == f"{tuning.strength:g}")
    assert float(tuned[1]) > float(plain[1]) + 0.05
    assert float(tuned[3]) >= float(plain[3]) - 0.01
    call_command("tune_search", "--off")
    assert corpus_for(embedder.identity, embedder.dim).tuning is None
    call_command("tune_search")
    assert corpus_for(embedder.identity, embedder.dim).tuning is not None


@pytest.mark.usefixtures("demo")
def test_trial_changes_nothing(embedder: Embedder, capsys: Any) -> None:
    call_command("tune_search", "--dry-run")
    assert "nothing was changed" in capsys.readouterr().out
    assert not PublishedTuning.objects.exists()


@pytest.mark.usefixtures("demo")
def test_categories_that_are_noise_change_nothing(embedder: Embedder) -> None:
    ids = np.random.default_rng(0).permutation(np.repeat(Category.objects.values_list("pk"), 10))
    for product, category in zip(Product.objects.all(), ids.tolist(), strict=True):
        Product.objects.filter(pk=product.pk).update(category=category)
    with pytest.raises(CommandError, match="The results stay as they are"):
        call_command("tune_search")
    assert not PublishedTuning.objects.exists()


def test_small_catalog_is_told_what_it_lacks(make_product: MakeProduct, picture: Picture) -> None:
    make_product(image=picture(0))
    with pytest.raises(CommandError, match="There is not enough to learn from"):
        call_command("tune_search")
