"""Findings: what the doctor tells staff, and what they decided."""

from typing import Any, ClassVar

from django.core.files.storage import default_storage
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy, pgettext_lazy

from catalog.models import Category, Product, ProductPhoto
from catalog.pictures.storage import files_of


class Kind(models.TextChoices):
    DUPLICATE = "duplicate", _("Same picture, several products")
    PLACEHOLDER = "placeholder", _("Placeholder pictures")
    BLANK = "blank", _("Blank pictures")
    TINY = "tiny", _("Tiny pictures")
    BLURRED = "blurred", _("Blurred pictures")
    CATEGORY = "category", _("Doubtful categories")


REASONS = {
    Kind.DUPLICATE: _("The pictures are %(share)d %% alike."),
    Kind.PLACEHOLDER: ngettext_lazy(
        "%(number)d product with unlike names has this picture.",
        "%(number)d products with unlike names have this picture.",
        "number",
    ),
    Kind.BLANK: _("The picture shows next to nothing."),
    Kind.TINY: ngettext_lazy(
        "The shorter side has %(number)d pixel, fewer than the network needs.",
        "The shorter side has %(number)d pixels, fewer than the network needs.",
        "number",
    ),
    Kind.BLURRED: _("It is %(share)d %% as sharp as pictures of this catalog usually are."),
    Kind.CATEGORY: _("Of the products that look most like it, %(share)d %% are in %(category)s."),
}


class State(models.TextChoices):
    OPEN = "open", pgettext_lazy("finding", "open")
    DISMISSED = "dismissed", pgettext_lazy("finding", "dismissed")


class Finding(models.Model):
    """Something that may be wrong. The meaning of `measure` depends on the kind: see `reason`."""

    kind = models.CharField(max_length=12, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    measure = models.FloatField()
    category = models.ForeignKey(Category, models.CASCADE, null=True, related_name="+")

    class Meta:
        ordering = ("-pk",)
        # Translators: something that may be wrong with a product.
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        indexes = (models.Index(fields=("state", "kind", "-id"), name="finding_state_kind"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(kind=Kind.CATEGORY) ^ Q(category__isnull=True),
                name="finding_suggests_category",
            ),
        )

    def __str__(self) -> str:
        return str(Kind(self.kind).label)

    @property
    def reason(self) -> str:
        """What was measured, as a sentence."""
        values = {
            "number": round(self.measure),
            "share": int(100 * self.measure),
            "category": self.category,
        }
        reason: str = REASONS[Kind(self.kind)] % values  # chooses a plural form, too
        return reason


class SubjectQuerySet(models.QuerySet[Any]):
    def outdated(self) -> "SubjectQuerySet":
        """Subjects whose picture has been replaced since."""
        own = Q(photo=None) & ~Q(image=F("product__image"))
        return self.filter(own | (Q(photo__isnull=False) & ~Q(image=F("photo__image"))))

    def of(self, product: int) -> models.QuerySet[Any, dict[str, Any]]:
        """The ids of the findings on a product."""
        return self.filter(product=product).order_by().values("finding")


class Subject(models.Model):
    """A product that a finding is about, and one of its pictures."""

    finding = models.ForeignKey(Finding, models.CASCADE, related_name="subjects")
    product = models.ForeignKey(Product, models.CASCADE, related_name="+")
    photo = models.ForeignKey(ProductPhoto, models.CASCADE, null=True, related_name="+")
    image = models.CharField(max_length=200)  # its stored name

    objects: ClassVar = SubjectQuerySet.as_manager()

    class Meta:
        ordering = ("product", "id")
        # Translators: a product that is in one of the findings.
        verbose_name = _("subject of a finding")
        verbose_name_plural = _("subjects of findings")
        constraints = (models.UniqueConstraint(fields=("finding", "product"), name="subject_once"),)

    def __str__(self) -> str:
        return self.image

    @property
    def thumbnail_url(self) -> str:
        """The small picture's address."""
        return default_storage.url(files_of(self.image)[-1])


class Examined(models.Model):
    """Says that the doctor has run, which an absence of findings does not tell."""

    at = models.DateTimeField(auto_now_add=True)  # the first time

    class Meta:
        verbose_name = _("examination of the catalog")
        verbose_name_plural = _("examinations of the catalog")

    def __str__(self) -> str:
        return f"{self.at}"
