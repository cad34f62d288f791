import os
from pathlib import Path
from time import time
from typing import Any

import pytest
from django.core.management import call_command

from search.queries.photo_cache import PhotoFiles
from tests.waiting import until
from visualsearch import settings as shop


def photo_cache(folder: Path, most: int = 1000) -> PhotoFiles:
    return PhotoFiles(str(folder), {"OPTIONS": {"MAX_ENTRIES": most}})


def expire(folder: Path) -> None:
    """Let an hour pass for all files."""
    for path in folder.iterdir():
        os.utime(path, (time() - 3600, path.stat().st_mtime - 3600))


def test_gives_back_the_bytes_until_they_expire(tmp_path: Path) -> None:
    cache, data = photo_cache(tmp_path), os.urandom(200_000)
    cache.set("one", data, 60)
    assert cache.get("one") == data
    expire(tmp_path)
    assert cache.get("one", b"gone") == b"gone"
    assert cache.get("two") is None


def test_replaces_deletes_and_clears(tmp_path: Path) -> None:
    cache = photo_cache(tmp_path)
    for data in (b"old", b"new"):
        cache.set("one", data, 60)
    assert cache.get("one") == b"new"
    assert (cache.delete("one"), cache.delete("one")) == (True, False)
    assert cache.get("one") is None
    cache.set("two", b"photo", 60)
    cache.clear()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("left", [0, 3, 4, 100])
def test_misses_a_torn_file(tmp_path: Path, left: int) -> None:
    cache = photo_cache(tmp_path)
    cache.set("one", bytes(200), 60)
    (path,) = tmp_path.iterdir()
    expires = path.stat().st_mtime
    path.write_bytes(path.read_bytes()[:left])
    os.utime(path, (expires, expires))
    assert cache.get("one") is None


def test_photo_that_nobody_comes_back_for_goes_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.queries.photo_cache.SWEEP_SECONDS", 0.1)
    cache = photo_cache(tmp_path)
    for _ in range(2):  # the sweep is repeated
        cache.set("one", b"photo", 0.3)
        (tmp_path / "left-over.part").write_bytes(b"\x80")
        until(lambda: list(tmp_path.iterdir()), lambda files: not files)


def test_keeps_the_newest_and_no_more_than_the_limit(tmp_path: Path) -> None:
    cache = photo_cache(tmp_path, most=10)
    for number in range(30):
        cache.set(f"photo-{number}", b"photo", 60)
        assert len(list(tmp_path.iterdir())) <= 10
    kept = [number for number in range(30) if cache.get(f"photo-{number}")]
    assert kept == list(range(20, 30))


def test_keeps_hardly_more_without_listing_the_folder_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[int] = []
    scandir = os.scandir

    def counted(folder: Any) -> Any:
        listed.append(len(os.listdir(folder)))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", counted)
    cache = photo_cache(tmp_path, most=400)
    for number in range(900):
        cache.set(f"photo-{number}", b"photo", 60)
    assert 0 < len(listed) < 450
    assert max(listed) < 500


def test_shop_without_redis_keeps_photos_so() -> None:
    assert not shop.CACHE_URL
    assert shop.CACHES["pictures"]["BACKEND"] == "search.queries.photo_cache.PhotoFiles"
    call_command("check")
