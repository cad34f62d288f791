"""Stored evaluations, which the staff's page shows on every machine."""

import json
from functools import cached_property
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

KEPT = 50


class Evaluation(models.Model):
    """A report, and when it was made."""

    created_at = models.DateTimeField(auto_now_add=True)
    text = models.TextField()  # JSON; PostgreSQL's own JSON type would reorder the keys

    class Meta:
        ordering = ("-pk",)
        # Translators: a measurement of how good the search is.
        verbose_name = _("evaluation")
        verbose_name_plural = _("evaluations")

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M}"

    @cached_property
    def report(self) -> dict[str, Any]:
        """The report as plain values."""
        report: dict[str, Any] = json.loads(self.text)
        return report

    @property
    def recall(self) -> float | None:
        """The share of changed photos that found their product first, None if not measured."""
        return self._mean("same_product", "first")

    @property
    def precision(self) -> float | None:
        """The precision at 10 of the same kind, None if not measured."""
        return self._mean("same_kind", "precision_10")

    def _mean(self, measurement: str, measure: str) -> float | None:
        table = self.report[measurement].get(self.report["order"])
        return table["total"][measure]["mean"] if table else None


def keep(text: str) -> None:
    """Store a report as JSON and delete all but the latest KEPT."""
    Evaluation.objects.create(text=text)
    old = Evaluation.objects.values_list("pk", flat=True)[KEPT:]
    Evaluation.objects.filter(pk__in=list(old)).delete()
