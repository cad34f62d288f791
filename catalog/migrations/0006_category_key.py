"""Gives categories a key that ignores case and spaces, and merges those that have the same one."""

from collections import defaultdict
from secrets import randbits
from typing import Any

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import catalog.models
from catalog.values import category_key


def merge(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Of categories with the same key, keep the one with the most products.

    What refers to the others, also in other apps, refers to that one afterwards.
    """
    Category = apps.get_model("catalog", "Category")
    Product = apps.get_model("catalog", "Product")
    fields = Category._meta.get_fields(include_hidden=True)
    relations: list[Any] = [field for field in fields if field.one_to_many]
    same: defaultdict[str, list[Any]] = defaultdict(list)
    for category in Category.objects.order_by("pk"):
        category.key = category_key(category.name)
        same[category.key].append(category)
    for categories in same.values():
        if len(categories) > 1:
            sizes = {each.pk: Product.objects.filter(category=each).count() for each in categories}
            categories.sort(key=lambda each: -sizes[each.pk])
        kept, *others = categories
        Category.objects.filter(pk=kept.pk).update(key=kept.key)
        ids = [each.pk for each in others]
        for relation in relations if others else ():
            column = relation.field.name
            changes: dict[str, Any] = {column: kept}
            if relation.related_model is Product:
                changes["revision"] = randbits(40)  # so that search indexes read it again
            rows = relation.related_model._base_manager.filter(**{f"{column}__in": ids})
            rows.update(**changes)
        Category.objects.filter(pk__in=ids).delete()
    # PostgreSQL alters no table while checks of its rows are deferred.
    schema_editor.connection.check_constraints()


class Migration(migrations.Migration):
    dependencies = [("catalog", "0005_unconfirmed_import")]

    operations = [
        migrations.AlterField("category", "name", models.CharField(max_length=250)),
        migrations.AddField(
            "category",
            "key",
            catalog.models.KeyField(default="", editable=False, max_length=250),
            preserve_default=False,
        ),
        migrations.RunPython(merge, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            "category",
            "key",
            catalog.models.KeyField(editable=False, max_length=250, unique=True),
        ),
    ]
