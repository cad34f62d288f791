"""What changes during a copy; `tests/server/test_backup.py` restores one."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection

from catalog import backup
from catalog.backup import NotCopied, back_up
from tests.conftest import MakeProduct, Picture


def test_copy_has_what_is_removed_and_what_is_added_meanwhile(
    make_product: MakeProduct, picture: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed, added = str(make_product(image=picture(1)).image.name), "pictures/added.jpg"

    def change(_: Any) -> None:
        default_storage.delete(removed)
        default_storage.save(added, ContentFile(picture(2)))

    monkeypatch.setattr(backup, "copy_database", change)
    monkeypatch.setattr(connection, "vendor", "sqlite")
    back_up(tmp_path / "copy")
    assert (tmp_path / "copy" / "media" / removed).is_file()
    assert (tmp_path / "copy" / "media" / added).is_file()


def test_other_databases_are_left_to_their_own_means(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "vendor", "postgresql")
    with pytest.raises(NotCopied, match="pg_dump"):
        back_up(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
