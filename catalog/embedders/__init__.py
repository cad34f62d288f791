"""Embedders: pretrained networks that turn a picture into a unit vector.

A new network is a module with a `NETWORK`, and one line in `EMBEDDERS`.
"""

import threading
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.embedders.network import Network
from catalog.embedders.prepared import EmbedderUnavailable, damaged, find_prepared
from catalog.messages import sentence

if TYPE_CHECKING:
    from catalog.embedders.runtime import Embedder

__all__ = ["EMBEDDERS", "EmbedderUnavailable", "Network", "get_embedder", "get_network"]

# By name, the module, which is imported on first use.
EMBEDDERS = {
    "mobilenet_v2": "catalog.embedders.mobilenet_v2",
    "efficientnet_lite0": "catalog.embedders.efficientnet_lite0",
}

_loading = threading.Lock()  # so that two threads do not load the same network


def get_network(name: str) -> Network:
    """The network of this name in EMBEDDERS. Raises EmbedderUnavailable."""
    if name not in EMBEDDERS:
        raise EmbedderUnavailable(
            sentence(
                "There is no embedder '%(name)s'. EMBEDDER can be: %(known)s.",
                name=name,
                known=", ".join(EMBEDDERS),
            )
        )
    network: Network = import_module(EMBEDDERS[name]).NETWORK
    return network


def get_embedder(name: str, model_dir: Path) -> "Embedder":
    """The prepared embedder of this name or identity, loaded once. Raises EmbedderUnavailable."""
    if name.split("-")[0] not in EMBEDDERS:
        get_network(name)  # raises
    with _loading:
        return _load(name, model_dir)


@cache
def _load(name: str, model_dir: Path) -> "Embedder":
    from catalog.embedders.runtime import Embedder

    identity = (model_dir / name).resolve().name  # an embedder's name is a link to its identity
    if identity != name and (model_dir / identity).exists():
        return _load(identity, model_dir)  # so that asking by either loads the network once
    folder, manifest = find_prepared(model_dir, name)
    try:
        return Embedder(folder, manifest)
    except (RuntimeError, ValueError) as error:  # OpenVINO raises these for a graph it can't read
        raise damaged(name) from error
