"""Which pictures need a vector, computing them in batches, writing them back safely."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from numpy.typing import NDArray

from catalog.embedders import get_embedder
from catalog.embedders.runtime import Embedder
from catalog.images import InvalidImage, open_image
from catalog.models import EmbeddedPicture, EmbeddedQuerySet, EmbeddingStatus
from catalog.pictures import StoredPicture
from catalog.vectors import InvalidVector, to_bytes

BATCH_SIZE = 32
DECODERS = 2  # threads; Pillow decodes outside the interpreter's lock

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Outcome:
    """What became of one picture. VOID: it was replaced or deleted meanwhile."""

    id: int
    status: str  # "ready", "failed" or "void"
    reason: str = ""


VOID = "void"


@dataclass(frozen=True)
class _Job:
    """A picture as it was when its row was read, and its pixels or the reason there are none."""

    id: int
    image: StoredPicture
    pixels: NDArray[np.uint8] | None = None
    reason: str = ""


def current_embedder() -> Embedder:
    """The embedder that the settings name. Raises EmbedderUnavailable."""
    return get_embedder(settings.EMBEDDER, settings.MODEL_DIR)


def embed_pictures(
    rows: EmbeddedQuerySet, embedder: Embedder, *, batch_size: int = BATCH_SIZE
) -> Iterator[Outcome]:
    """Embed these rows' pictures, each batch committed at once; an outcome for each row.

    The next batch is decoded while the network works on the present one.
    """
    with ThreadPoolExecutor(DECODERS) as decoders:
        ahead: list[Future[_Job]] = []
        for batch in _batches(rows, batch_size):
            decoding = [decoders.submit(_decode, row.pk, row.image, embedder) for row in batch]
            yield from _finish(rows.model, ahead, embedder)
            ahead = decoding
        yield from _finish(rows.model, ahead, embedder)


def _batches(rows: EmbeddedQuerySet, size: int) -> Iterator[list[EmbeddedPicture]]:
    """The rows by rising id, each once, even where one is waiting again behind us."""
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk").only("pk", "image")[:size]):
        yield batch
        last = batch[-1].pk


def _decode(pk: int, image: StoredPicture, embedder: Embedder) -> _Job:
    try:
        with image.storage.open(str(image.name)) as file:
            picture = open_image(file.read(), at_least=2 * embedder.input_size)
    except FileNotFoundError:
        return _Job(pk, image, reason="The picture's file is missing from the storage.")
    except InvalidImage as error:
        return _Job(pk, image, reason=str(error))
    return _Job(pk, image, embedder.pixels(picture))


def _finish(
    model: type[models.Model], ahead: Iterable[Future[_Job]], embedder: Embedder
) -> list[Outcome]:
    jobs = [future.result() for future in ahead]
    decoded = [job.pixels for job in jobs if job.pixels is not None]
    vectors = iter(embedder.embed(np.stack(decoded)) if decoded else ())
    with transaction.atomic():
        return [
            _write_failure(model, job, job.reason)
            if job.pixels is None
            else _write_vector(model, job, next(vectors), embedder.identity)
            for job in jobs
        ]


def _write_vector(model: type[models.Model], job: _Job, vector: Vector, identity: str) -> Outcome:
    try:
        embedding = to_bytes(vector)
    except InvalidVector as error:
        return _write_failure(model, job, str(error))
    columns = {
        "embedding": embedding,
        "embedder": identity,
        "embedding_digest": job.image.digest,
        "embedding_status": EmbeddingStatus.READY,
        "embedding_error": "",
        "embedded_at": timezone.now(),
    }
    return _compare_and_swap(model, job, Outcome(job.id, EmbeddingStatus.READY), columns)


def _write_failure(model: type[models.Model], job: _Job, reason: str) -> Outcome:
    failed = EmbeddingStatus.FAILED
    columns = {"embedding_status": failed, "embedding_error": reason}
    return _compare_and_swap(model, job, Outcome(job.id, failed, reason), columns)


def _compare_and_swap(
    model: type[models.Model], job: _Job, outcome: Outcome, columns: Mapping[str, object]
) -> Outcome:
    """Write only where the row still has the picture that was read; its name is its digest."""
    unchanged = model._default_manager.filter(pk=job.id, image=job.image.name)
    return outcome if unchanged.update(**columns) else Outcome(job.id, VOID)
