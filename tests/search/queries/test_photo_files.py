import os
from pathlib import Path
from time import monotonic, sleep

import pytest
from django.core.management import call_command

from search.queries import photo_files
from search.queries.photo_files import PhotoFiles
from visualsearch import settings as shop


def photo_cache(folder: Path, most: int = 1000) -> PhotoFiles:
    return PhotoFiles(str(folder), {"OPTIONS": {"MAX_ENTRIES": most}})


def test_gives_back_the_bytes_until_their_time_is_up(tmp_path: Path) -> None:
    cache, data = photo_cache(tmp_path), os.urandom(200_000)
    cache.set("one", data, 60)
    cache.set("two", data, 0.05)
    assert cache.get("one") == data
    sleep(0.1)
    assert cache.get("two", b"gone") == b"gone"
    assert cache.get("three") is None


def test_photo_that_nobody_comes_back_for_goes_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_files, "SWEEP", 0.1)
    cache = photo_cache(tmp_path)
    for _ in range(2):  # it goes on after it has once been through
        cache.set("one", b"photo", 0.3)
        (tmp_path / "torn.djcache").write_bytes(b"\x80")
        assert len(list(tmp_path.iterdir())) == 2
        until = monotonic() + 5
        while list(tmp_path.iterdir()) and monotonic() < until:
            sleep(0.05)
        assert not list(tmp_path.iterdir())


def test_keeps_no_more_than_so_many(tmp_path: Path) -> None:
    cache = photo_cache(tmp_path, most=10)
    for number in range(30):
        cache.set(f"photo-{number}", b"photo", 60)
    assert len(list(tmp_path.iterdir())) <= 10
    assert cache.get("photo-29") == b"photo"


def test_keeps_hardly_more_without_counting_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists: list[int] = []

    def list_files(cache: PhotoFiles) -> list[str]:
        files = [str(path) for path in tmp_path.iterdir()]
        lists.append(len(files))
        return files

    monkeypatch.setattr(PhotoFiles, "_list_cache_files", list_files)
    cache = photo_cache(tmp_path, most=400)
    for number in range(900):
        cache.set(f"photo-{number}", b"photo", 60)
    assert 0 < len(lists) < 450
    assert max(lists) < 500


def test_shop_without_redis_keeps_photos_so() -> None:
    assert not shop.CACHE_URL
    assert shop.CACHES["pictures"]["BACKEND"] == "search.queries.photo_files.PhotoFiles"
    call_command("check")
