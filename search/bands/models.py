from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Calibration(models.Model):
    """The limits of the bands for an embedder's vectors of this catalog."""

    embedder = models.CharField(max_length=100, unique=True)  # identity
    exact = models.FloatField()
    very_close = models.FloatField()
    similar = models.FloatField()
    products = models.PositiveIntegerField()  # searchable when the limits were found

    objects: ClassVar[models.Manager["Calibration"]] = models.Manager()

    class Meta:
        # Translators: the limits between words for scores, such as "very close" and "similar".
        verbose_name = _("calibration")
        verbose_name_plural = _("calibrations")
        constraints = (
            models.CheckConstraint(
                condition=Q(exact__lte=1, exact__gt=F("very_close"))
                & Q(very_close__gt=F("similar"), similar__gt=0),
                name="calibration_falls",
            ),
        )

    def __str__(self) -> str:
        return self.embedder
