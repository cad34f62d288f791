import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from catalog.models import Category, Product
from search.doctor.models import Finding

OLD = ("catalog", "0005_unconfirmed_import")


@pytest.mark.django_db(transaction=True)
def test_migration_merges_categories_that_differ_only_in_how_they_are_written() -> None:
    executor = MigrationExecutor(connection)
    latest = executor.loader.graph.leaf_nodes()
    try:
        executor.migrate([OLD])
        others = [node for node in latest if node[0] != "catalog"]
        before = executor.loader.project_state([OLD, *others]).apps
        category = before.get_model("catalog.Category")
        product = before.get_model("catalog.Product")
        finding = before.get_model("search.Finding")
        names = ("Kitchen", "kitchen", "KITCHEN ", "Home")
        kitchen, lower, upper, home = (category.objects.create(name=name) for name in names)
        for sku, which in (("1", kitchen), ("2", lower), ("3", lower), ("4", upper), ("5", home)):
            product.objects.create(sku=sku, name="Mug", category=which, price=1)
        revisions = dict(product.objects.values_list("sku", "revision"))
        finding.objects.create(kind="category", measure=0.9, category=upper)
    finally:
        MigrationExecutor(connection).migrate(latest)
    assert set(Category.objects.values_list("name", "key")) == {
        ("kitchen", "kitchen"),
        ("Home", "home"),
    }
    assert {p.sku for p in Product.objects.filter(category__key="kitchen")} == {"1", "2", "3", "4"}
    moved = {p.sku for p in Product.objects.all() if p.revision != revisions[p.sku]}
    assert moved == {"1", "4"}, "an index reads exactly these again"
    assert Finding.objects.get().category.name == "kitchen"
