import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from catalog.embedders import EmbedderUnavailable, get_embedder, get_network
from catalog.embedders.export import known_picture
from catalog.embedders.runtime import Embedder
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[3]
# A process where importing takes a while, as OpenVINO does when it is first asked.
TWO_ASK_FIRST = """
import builtins, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
from catalog.embedders import get_embedder
embedder = get_embedder(sys.argv[1], Path(sys.argv[2]))
at_once = builtins.__import__
def slowly(*args, **options):
    time.sleep(0.2)
    return at_once(*args, **options)
picture = np.zeros((1, 2, embedder.input_size, embedder.input_size, 3), np.uint8)
with ThreadPoolExecutor(2) as threads:
    builtins.__import__ = slowly
    list(threads.map(embedder.embed, [picture, picture]))
"""


@pytest.fixture(autouse=True)
def _cached_features() -> None:
    """Not here: these are about the network itself."""


def squares(embedder: Embedder, count: int) -> np.ndarray:
    """Centre and whole of so many pictures."""
    random = np.random.default_rng(0)
    size = embedder.input_size
    return random.integers(0, 256, (count, 2, size, size, 3), dtype=np.uint8)


def test_gives_unit_rows_of_1280_numbers(embedder: Embedder) -> None:
    rows = embedder.embed(squares(embedder, 3))
    assert rows.shape == (3, embedder.dim) == (3, 1280)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-6)


def test_gives_a_picture_the_same_vector_alone_and_in_a_batch(embedder: Embedder) -> None:
    batch = squares(embedder, 4)
    alone = np.concatenate([embedder.embed(batch[i : i + 1]) for i in range(4)])
    assert np.array_equal(embedder.embed(batch), alone)


def test_is_safe_to_share_between_threads(embedder: Embedder) -> None:
    batch = squares(embedder, 16)
    expected = embedder.embed(batch)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda i: embedder.embed(batch[i : i + 1])[0], range(16)))
    assert np.array_equal(np.stack(found), expected)


def test_answers_two_threads_that_ask_first(embedder: Embedder, model_dir: Path) -> None:
    command = [sys.executable, "-c", TWO_ASK_FIRST, embedder.identity, str(model_dir)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=PATIENCE)  # noqa: S603


def test_regions_of_a_picture_make_up_its_vector(embedder: Embedder) -> None:
    batch = squares(embedder, 2)
    regions = embedder.regions(batch)
    assert regions.shape == (2, 2, 7, 7, 1280)
    vectors = regions.sum(axis=(1, 2, 3))
    assert vectors == pytest.approx(embedder.embed(batch), abs=1e-6)


def test_region_is_where_it_is_in_the_picture(embedder: Embedder) -> None:
    picture = np.full((1, 2, 224, 224, 3), 128, np.uint8)
    changed = picture.copy()
    changed[0, :, :64, 160:] = squares(embedder, 1)[0, :, :64, 160:]
    one, other = embedder.regions(np.concatenate([picture, changed]))
    difference = np.abs(one - other).sum(axis=-1)
    assert difference[:, :3, 4:].sum() > 0.7 * difference.sum()


def test_both_squares_count_and_the_centre_more(embedder: Embedder) -> None:
    centre = squares(embedder, 1)[0, 0]
    known = known_picture(embedder.input_size)
    pairs = [(known, known), (centre, centre), (known, centre), (centre, known)]
    same, other, mostly, partly = embedder.embed(np.stack([np.stack(pair) for pair in pairs]))
    assert same @ mostly > same @ partly > same @ other + 0.05
    assert other @ partly > other @ mostly


def test_tells_pictures_apart_and_knows_a_darker_copy(embedder: Embedder) -> None:
    known = known_picture(embedder.input_size)
    darker = (known * 0.8).astype(np.uint8)
    other = squares(embedder, 1)[0]
    rows = embedder.embed(np.stack([[known] * 2, [darker] * 2, other]))
    assert rows[0] @ rows[1] > 0.9 > 0.5 > rows[0] @ rows[2]


def test_carries_an_identity_of_name_and_hash(embedder: Embedder) -> None:
    name, _, digest = embedder.identity.partition("-")
    assert name == "efficientnet_lite0"
    assert len(digest) == 8


def test_is_loaded_once(embedder: Embedder, model_dir: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        loaded = threads.map(get_embedder, [embedder.name] * 8, [model_dir] * 8)
    assert {id(one) for one in loaded} == {id(embedder)}


def test_refuses_an_unknown_name_and_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(EmbedderUnavailable, match="mobilenet_v2, efficientnet_lite0"):
        get_embedder("resnet", tmp_path)
    with pytest.raises(EmbedderUnavailable, match="'resnet'"):
        get_network("resnet")


def test_names_the_command_where_nothing_is_prepared(tmp_path: Path) -> None:
    with pytest.raises(EmbedderUnavailable, match="download_model --embedder mobilenet_v2"):
        get_embedder("mobilenet_v2", tmp_path)


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove", "manifest"])
def test_refuses_a_damaged_network(
    embedder: Embedder, model_dir: Path, tmp_path: Path, damage: str
) -> None:
    folder = tmp_path / embedder.name
    shutil.copytree(model_dir / embedder.identity, folder)
    weights = folder / "network.bin"
    data = bytearray(weights.read_bytes())
    data[1000] ^= 1
    if damage == "truncate":
        weights.write_bytes(data[:-1])
    elif damage == "flip":
        weights.write_bytes(data)
    elif damage == "remove":
        weights.unlink()
    else:
        (folder / "manifest.json").write_text("{")
    with pytest.raises(EmbedderUnavailable, match=r"Run: python manage\.py download_model"):
        get_embedder(embedder.name, tmp_path)


def test_is_loaded_once_by_name_and_by_identity(embedder: Embedder, model_dir: Path) -> None:
    assert get_embedder(embedder.identity, model_dir) is embedder
    assert get_embedder(embedder.name, model_dir) is embedder
