import os
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest

from catalog.files import BLOCK_BYTES, replace_file, replace_link, watched


def test_replaces_a_file_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "map"
    path.write_bytes(b"old")
    with replace_file(path) as aside:
        aside.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["map"]


@pytest.mark.parametrize("written", [True, False])
def test_keeps_the_old_file_when_writing_fails(tmp_path: Path, written: bool) -> None:
    path = tmp_path / "map"
    path.write_bytes(b"old")

    def write() -> None:
        with replace_file(path) as aside:
            if written:
                aside.write_bytes(b"new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["map"]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    with replace_file(tmp_path / "map") as one, replace_file(tmp_path / "map") as other:
        one.write_bytes(b"one")
        other.write_bytes(b"other")
    assert (tmp_path / "map").read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["map"]


def test_replaces_a_link(tmp_path: Path) -> None:
    link = tmp_path / "current"
    replace_link(link, "first")
    replace_link(link, "second")
    assert os.readlink(link) == "second"
    assert os.listdir(tmp_path) == ["current"]


def test_keeps_what_can_not_be_replaced_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "current").mkdir()
    with pytest.raises(OSError, match="directory"):
        replace_link(tmp_path / "current", "first")
    assert os.listdir(tmp_path) == ["current"]


def test_watched_file_ends_when_its_watcher_says_so() -> None:
    file = watched(BytesIO(b"a" * 9 * BLOCK_BYTES), partial(next, iter("ab")))
    assert file.read(100) == b"a" * 100
    with pytest.raises(StopIteration):
        file.read()
