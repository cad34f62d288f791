"""What the demand board keeps."""

import secrets
from datetime import date
from hashlib import blake2b

from django.db import models
from django.utils.translation import gettext_lazy as _


class Searched(models.Model):
    """A search by a photo: its vector and what it found, never the photo or the shopper.

    Photos and clients have codes that only tell those of one day apart (`Salt`).
    """

    embedder = models.CharField(max_length=100)  # identity
    vector = models.BinaryField()  # little-endian float32, unit length
    best = models.FloatField()  # score of the best product
    day = models.DateField()  # not the hour, which would help to identify the shopper
    photo = models.CharField(max_length=16, db_default="")  # "" before codes were kept
    client = models.CharField(max_length=16, db_default="")

    class Meta:
        verbose_name = _("search by a photo")
        verbose_name_plural = _("searches by photos")
        indexes = (
            models.Index(fields=["embedder", "-id"], name="searched_newest"),
            models.Index(fields=["client"], name="searched_client"),
        )

    def __str__(self) -> str:
        return f"{self.day}, {self.best:.2f}"


class Salt(models.Model):
    """The secret behind the codes of one day. It is deleted afterwards, so none can be traced."""

    day = models.DateField(unique=True)
    value = models.CharField(max_length=64, default=secrets.token_hex)

    class Meta:
        # Translators: cryptographic; behind the codes of shoppers on one day.
        verbose_name = _("salt")
        verbose_name_plural = _("salts")

    def __str__(self) -> str:
        return str(self.day)

    @classmethod
    def of(cls, day: date) -> "Salt":
        """The salt of a day, without those of earlier ones."""
        salt, is_new = cls.objects.get_or_create(day=day)
        if is_new:
            cls.objects.filter(day__lt=day).delete()
        return salt

    def code(self, name: str) -> str:
        """The code of a photo's id or a client's address."""
        return blake2b(name.encode(), key=self.value.encode(), digest_size=8).hexdigest()
