"""The table of the pgvector engine, where the database can have it.

Elsewhere nothing is created: `build_embeddings` creates the table, or says what is missing.
"""

from contextlib import suppress

import pgvector.django
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from search.engines import EngineUnavailable, tables


def create(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    with suppress(EngineUnavailable):
        tables.create(schema_editor, apps.get_model("search", "SearchVector"))


def drop(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TABLE IF EXISTS search_vector")


class Migration(migrations.Migration):
    dependencies = [
        ("search", "0002_drop_finding_found_at"),
    ]

    operations = [
        migrations.CreateModel(
            name="SearchVector",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "embedder",
                        "product",
                        "photo",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("embedder", models.CharField(max_length=100)),
                ("product", models.BigIntegerField()),
                ("photo", models.BigIntegerField()),
                ("image", models.CharField(max_length=200)),
                ("vector", pgvector.django.HalfVectorField()),
            ],
            options={"db_table": "search_vector", "managed": False},
        ),
        migrations.RunPython(create, drop),
    ]
