from django.db import models
from django.utils.translation import gettext_lazy as _


class PublishedTuning(models.Model):
    """The tuning that orders results; only `search.orders.publishing` reads and writes it."""

    embedder = models.CharField(max_length=100, unique=True)  # identity
    categories = models.JSONField()  # K ids, rising
    weights = models.BinaryField()  # little-endian float32, dim rows of K numbers
    biases = models.BinaryField()  # little-endian float32, K numbers
    strength = models.FloatField()

    class Meta:
        # Translators: an order of results that was learned from the catalog.
        verbose_name = _("tuned order")
        verbose_name_plural = _("tuned orders")

    def __str__(self) -> str:
        return self.embedder
