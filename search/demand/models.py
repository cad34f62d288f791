"""What the demand board keeps."""

from django.db import models


class Searched(models.Model):
    """A search by a photo: its vector and what it found, never the photo or the shopper."""

    embedder = models.CharField(max_length=100)  # identity
    vector = models.BinaryField()  # little-endian float32, unit length
    best = models.FloatField()  # score of the best product
    day = models.DateField()  # not the hour, which would help to identify the shopper

    class Meta:
        verbose_name = "search by a photo"
        verbose_name_plural = "searches by photos"
        indexes = (models.Index(fields=["embedder", "-id"], name="searched_newest"),)

    def __str__(self) -> str:
        return f"{self.day}, {self.best:.2f}"
