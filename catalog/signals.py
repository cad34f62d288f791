"""Who wants a vector, or a picture from afar, says so here; `catalog.tasks` listens."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

from django.db import transaction
from django.db.models import Model
from django.dispatch import Signal

embedding_wanted = Signal()
"""Sent after commit. Arguments: sender (the model), ids (list of primary keys)."""
picture_wanted = Signal()
"""The same, for rows whose picture is still behind its address."""
vector_written = Signal()
"""Sent before commit. Arguments: sender (the model), claim, identity, vector (dim,)."""

Wanted = dict[tuple[Signal, type[Model]], list[int]]
_held: ContextVar[Wanted | None] = ContextVar("held", default=None)


def want_embedding(row: Model, using: str | None = None) -> None:
    """Ask for the row's vector once its transaction has committed."""
    _want(embedding_wanted, row, using)


def want_picture(row: Model, using: str | None = None) -> None:
    """Ask for the picture behind the row's address once its transaction has committed."""
    _want(picture_wanted, row, using)


@contextmanager
def in_one_request() -> Iterator[None]:
    """Ask for all that is wanted inside the block at once, at its end: for bulk changes."""
    wanted: Wanted = {}
    token = _held.set(wanted)
    try:
        yield
    finally:
        _held.reset(token)
        transaction.on_commit(partial(_send, wanted))


def _want(signal: Signal, row: Model, using: str | None) -> None:
    held = _held.get()
    if held is not None:
        held.setdefault((signal, type(row)), []).append(row.pk)
        return
    transaction.on_commit(partial(_send, {(signal, type(row)): [row.pk]}), using=using)


def _send(wanted: Wanted) -> None:
    for (signal, model), ids in wanted.items():
        signal.send(model, ids=ids)
