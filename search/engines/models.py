from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField


class SearchVector(models.Model):
    """The half-precision vector of a picture; only `search.engines` reads and writes it.

    The table exists only on PostgreSQL with pgvector, so it is not managed by Django:
    `search.engines.tables.create` creates it.
    """

    pk = models.CompositePrimaryKey("embedder", "product", "photo")
    embedder = models.CharField(max_length=100)  # identity
    product = models.BigIntegerField()  # id
    photo = models.BigIntegerField()  # id, 0 for the product's own picture
    image = models.CharField(max_length=200)  # the stored picture that the vector was made from
    vector = HalfVectorField()  # of any length: embedders share the table

    objects: ClassVar[models.Manager["SearchVector"]] = models.Manager()

    class Meta:
        managed = False
        verbose_name = _("vector for searches")
        verbose_name_plural = _("vectors for searches")
        db_table = "search_vector"

    def __str__(self) -> str:
        return f"{self.embedder}: {self.image}"
