"""Which network's vectors are served. It changes in one step, once all pictures have the new ones.

The settings name the network that a shop wants; a link in INDEX_DIR names the one it has. They
differ from the moment EMBEDDER is changed until `build_embeddings` is through.
"""

import logging
import os
from pathlib import Path

from django.conf import settings

from catalog.embedders import EmbedderUnavailable, get_embedder
from catalog.embedders.runtime import Embedder
from catalog.files import replace_link

logger = logging.getLogger(__name__)


def wanted_embedder() -> Embedder:
    """The embedder that the settings name. Raises EmbedderUnavailable."""
    return get_embedder(settings.EMBEDDER, settings.MODEL_DIR)


def serving_embedder() -> Embedder:
    """The embedder of the vectors that are searched, and of all new ones but a switch's.

    The first that is asked for stays, until `serve` names another. Raises EmbedderUnavailable.
    """
    identity = _served()
    if identity is not None:
        try:
            return get_embedder(identity, settings.MODEL_DIR)
        except EmbedderUnavailable as error:
            logger.error("%s Going on with %s, as EMBEDDER says.", error, settings.EMBEDDER)
    embedder = wanted_embedder()
    serve(embedder.identity)
    return embedder


def served_identity() -> str:
    """The identity of the embedder that is served, or before the first search the setting."""
    return _served() or str(settings.EMBEDDER)


def serve(identity: str) -> None:
    """Let every process of this machine search the vectors of this embedder from now on."""
    link = _link()
    if _served() == identity:
        return
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        replace_link(link, identity)
    except OSError:  # then each process follows its settings
        logger.exception("The network that is served can't be noted in %s.", link.parent)


def _served() -> str | None:
    try:
        return os.readlink(_link())
    except OSError:
        return None


def _link() -> Path:
    return Path(settings.INDEX_DIR) / "serving"
