"""Which embedder's vectors are searched.

The settings name the embedder that the shop wants; a link in INDEX_DIR names the one in use. They
differ from the moment EMBEDDER is changed until `build_embeddings` has computed all vectors anew,
and then the link moves in one step.
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
    """The embedder of the vectors that are searched, and of all new ones outside a switch.

    The first embedder that is used stays until `serve` names another. Raises EmbedderUnavailable.
    """
    identity = _linked_identity()
    if identity is not None:
        try:
            return get_embedder(identity, settings.MODEL_DIR)
        except EmbedderUnavailable as error:
            logger.error("%s Going on with %s, as EMBEDDER says.", error, settings.EMBEDDER)
    embedder = wanted_embedder()
    serve(embedder.identity)
    return embedder


def served_identity() -> str:
    """The identity of the embedder in use; before the first search, the name in the settings."""
    return _linked_identity() or str(settings.EMBEDDER)


def serve(identity: str) -> None:
    """Make every process of this machine search the vectors of this embedder from now on."""
    if _linked_identity() == identity:
        return
    link = _link()
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        replace_link(link, identity)
    except OSError:  # each process then follows its settings
        logger.exception("The embedder in use can't be noted in %s.", link.parent)


def _linked_identity() -> str | None:
    try:
        return os.readlink(_link())
    except OSError:
        return None


def _link() -> Path:
    return Path(settings.INDEX_DIR) / "serving"
