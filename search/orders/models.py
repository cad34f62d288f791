from django.db import models


class PublishedTuning(models.Model):
    """The tuning that orders results; only `search.orders.publishing` reads and writes it."""

    embedder = models.CharField(max_length=100, unique=True)  # identity
    categories = models.JSONField()  # K ids, rising
    weights = models.BinaryField()  # little-endian float32, dim rows of K numbers
    biases = models.BinaryField()  # little-endian float32, K numbers
    strength = models.FloatField()

    class Meta:
        verbose_name = "tuned order"

    def __str__(self) -> str:
        return self.embedder
