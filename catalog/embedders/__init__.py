"""Embedders: pretrained networks that turn a picture into a unit vector.

A new network is a module with a `NETWORK` and one line in `EMBEDDERS`.
"""

import threading
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.embedders.network import Network
from catalog.embedders.storage import EmbedderUnavailable, damaged, prepared

if TYPE_CHECKING:
    from catalog.embedders.runtime import Embedder

__all__ = ["EMBEDDERS", "EmbedderUnavailable", "Network", "get_embedder", "get_network"]

# name -> module, imported on first use
EMBEDDERS = {
    "mobilenet_v2": "catalog.embedders.mobilenet_v2",
    "efficientnet_lite0": "catalog.embedders.efficientnet_lite0",
}

_loading = threading.Lock()  # so that a process holds one copy of a network


def get_network(name: str) -> Network:
    """The network that `name` stands for in EMBEDDERS. Raises EmbedderUnavailable."""
    if name not in EMBEDDERS:
        known = ", ".join(EMBEDDERS)
        raise EmbedderUnavailable(f"There is no embedder {name!r}. EMBEDDER can be: {known}.")
    network: Network = import_module(EMBEDDERS[name]).NETWORK
    return network


def get_embedder(name: str, model_dir: Path) -> "Embedder":
    """The prepared embedder of this name or identity, loaded once. Raises EmbedderUnavailable."""
    if name.split("-")[0] not in EMBEDDERS:
        get_network(name)
    with _loading:
        return _load(name, model_dir)


@cache
def _load(name: str, model_dir: Path) -> "Embedder":
    from catalog.embedders.runtime import Embedder

    folder, manifest = prepared(model_dir, name)
    try:
        return Embedder(folder, manifest)
    except (RuntimeError, ValueError) as error:  # what OpenVINO raises for a graph it can't read
        raise damaged(name) from error
