"""Reads the tensors of a PyTorch checkpoint in the old (pre-zip) format, without PyTorch.

A pickle can run any code; this reader admits only the four names that such a file needs.
Format: https://github.com/pytorch/pytorch/blob/v1.5.0/torch/serialization.py, `_legacy_save`.
"""

import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001


class InvalidCheckpoint(Exception):
    """The file is not a PyTorch checkpoint in the old format, or asks for more than tensors."""


class _Storage:
    """The flat numbers of one or more tensors; in the file they come after the pickle."""

    def __init__(self, dtype: str, size: int) -> None:
        self.values: NDArray[Any] = np.zeros(size, dtype)


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> Callable[[], NDArray[Any]]:
    def tensor() -> NDArray[Any]:
        values = storage.values[offset:]
        byte_strides = tuple(stride * values.itemsize for stride in strides)
        last = sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))
        if min(strides, default=0) < 0 or last >= len(values):
            raise InvalidCheckpoint("A tensor of the checkpoint reaches beyond its storage.")
        return np.lib.stride_tricks.as_strided(values, shape, byte_strides).copy()

    return tensor


_ADMITTED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): "<f4",
    ("torch", "LongStorage"): "<i8",
}


class _CheckpointUnpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise InvalidCheckpoint(f"The checkpoint asks for {module}.{name}, which is refused.")
        return _ADMITTED[module, name]

    def persistent_load(self, reference: tuple[Any, ...]) -> _Storage:
        _kind, dtype, key, _device, size, _view = reference
        return self.storages.setdefault(key, _Storage(dtype, size))


def read_checkpoint(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors by name, each as a new array in C order. Raises InvalidCheckpoint."""
    with path.open("rb") as file:
        try:
            magic, protocol, _system = (_CheckpointUnpickler(file).load() for _ in range(3))
            if (magic, protocol) != (MAGIC_NUMBER, PROTOCOL_VERSION):
                raise InvalidCheckpoint("The file is not a PyTorch checkpoint in the old format.")
            unpickler = _CheckpointUnpickler(file)
            tensors = unpickler.load()
            for key in _CheckpointUnpickler(file).load():
                _fill(unpickler.storages[key], file)
            return {name: tensor() for name, tensor in tensors.items()}
        except (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError) as error:
            raise InvalidCheckpoint(f"{path.name} is not a PyTorch checkpoint: {error}") from error


def _fill(storage: _Storage, file: IO[bytes]) -> None:
    size = int.from_bytes(file.read(8), "little")
    values = file.read(size * storage.values.itemsize)
    if size != len(storage.values) or len(values) != storage.values.nbytes:
        raise InvalidCheckpoint("The checkpoint is cut short.")
    storage.values = np.frombuffer(values, storage.values.dtype)
