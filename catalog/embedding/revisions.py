"""A number on every row that is drawn anew with each change, so that readers can tell."""

import secrets
from typing import Any

from django.db import models

BITS = 40  # the sum over a million rows still fits into the database's 64-bit integers


def new_revision() -> int:
    """A random number; two changes share one with probability 2**-40."""
    return secrets.randbits(BITS)


class RevisionField(models.BigIntegerField):
    """Drawn anew at every save; `RevisedQuerySet` sees to updates."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"default": new_revision, "editable": False, **options})

    def pre_save(self, model_instance: models.Model, add: bool) -> int:
        revision = new_revision()
        setattr(model_instance, self.attname, revision)
        return revision


class RevisedQuerySet(models.QuerySet[Any]):
    """A queryset whose updates, too, draw a new revision."""

    def update(self, **values: Any) -> int:
        return super().update(**({"revision": new_revision()} | values))
