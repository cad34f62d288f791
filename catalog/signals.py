"""Who wants a vector says so here; `catalog.tasks` listens."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

from django.db import transaction
from django.db.models import Model
from django.dispatch import Signal

embedding_wanted = Signal()
"""Sent after commit. Arguments: sender (the model), ids (list of primary keys)."""

Wanted = dict[type[Model], list[int]]
_held: ContextVar[Wanted | None] = ContextVar("held", default=None)


def want_embedding(row: Model, using: str | None = None) -> None:
    """Ask for the row's vector once its transaction has committed."""
    held = _held.get()
    if held is not None:
        held.setdefault(type(row), []).append(row.pk)
        return
    transaction.on_commit(partial(_send, {type(row): [row.pk]}), using=using)


@contextmanager
def in_one_request() -> Iterator[None]:
    """Ask for all vectors wanted inside the block at once, at its end: for bulk changes."""
    wanted: Wanted = {}
    token = _held.set(wanted)
    try:
        yield
    finally:
        _held.reset(token)
        transaction.on_commit(partial(_send, wanted))


def _send(wanted: Wanted) -> None:
    for model, ids in wanted.items():
        embedding_wanted.send(model, ids=ids)
