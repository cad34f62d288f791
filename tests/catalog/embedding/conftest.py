"""Fixtures: what happens while a picture is on its way."""

from collections.abc import Callable

import pytest

from catalog.embedding import downloads, refetching
from catalog.pictures.stored import NewPicture

Run = Callable[[], object]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    """Lets something happen once a picture was fetched, before it is stored."""

    def arrange(happens: Run) -> None:
        def gate(data: bytes) -> NewPicture:
            happens()
            return NewPicture(data)

        for module in (downloads, refetching):
            monkeypatch.setattr(module, "NewPicture", gate)

    return arrange
