"""Computes the vectors of pictures in batches."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from catalog.embedders.runtime import Embedder
from catalog.embedding.claims import (
    Claim,
    PictureOutcome,
    claim,
    give_up,
    pages,
    write_failure,
    write_vector,
)
from catalog.embedding.columns import EmbeddedPicture, EmbeddedQuerySet
from catalog.messages import Sentence, sentence
from catalog.pictures.gate import InvalidImage, open_image
from catalog.pictures.stored import image_limits

NO_FILE = sentence("The picture's file is missing from the storage.")
BATCH_PICTURES = 32
DECODERS = 2  # threads; Pillow releases the interpreter's lock while it decodes


@dataclass(frozen=True)
class Decoded:
    """A claimed picture's pixels, or why there are none."""

    claim: Claim
    pixels: NDArray[np.uint8] | None = None  # as `Embedder.pixels` gives them
    reason: Sentence | Exception | None = None
    may_mend: bool = False


Decoding = list[Future[Decoded]]


def embed_pictures(
    rows: EmbeddedQuerySet, embedder: Embedder, *, batch_size: int = BATCH_PICTURES
) -> Iterator[PictureOutcome]:
    """Embed the pictures of these rows; yields an outcome for each once its batch is committed.

    The next batch is decoded while the network works on the present one. A picture that was tried
    before has a batch of its own, so that one that kills its worker harms no other.
    """
    give_up(rows)
    with ThreadPoolExecutor(DECODERS) as decoders:

        def decode(batch: list[EmbeddedPicture]) -> Decoding:
            with transaction.atomic():
                claims = [taken for row in batch if (taken := claim(row))]
            return [decoders.submit(_decode, taken, embedder) for taken in claims]

        ahead: Decoding = []
        for page in pages(rows, batch_size):
            decoding = decode([row for row in page if not row.embedding_attempts])
            yield from _finish(ahead, embedder)
            ahead = decoding
            for row in page:
                if row.embedding_attempts:
                    yield from _finish(ahead, embedder)
                    ahead = []
                    yield from _finish(decode([row]), embedder)
        yield from _finish(ahead, embedder)


def _decode(claim: Claim, embedder: Embedder) -> Decoded:
    image = claim.image
    try:
        with image.storage.open(str(image.name)) as file:
            picture = open_image(file.read(), limits=image_limits(), at_least=embedder.detail)
    except InvalidImage as error:
        return Decoded(claim, reason=error)
    except FileNotFoundError:
        return Decoded(claim, reason=NO_FILE, may_mend=True)
    except OSError as error:
        reason = sentence("The picture's file can't be read: %(reason)s.", reason=error.strerror)
        return Decoded(claim, reason=reason, may_mend=True)
    return Decoded(claim, embedder.pixels(picture))


def _finish(decoding: Decoding, embedder: Embedder) -> list[PictureOutcome]:
    """Embed the decoded pictures, and write all results in one transaction."""
    batch = [future.result() for future in decoding]
    pixels = [decoded.pixels for decoded in batch if decoded.pixels is not None]
    vectors = iter(embedder.embed(np.stack(pixels)) if pixels else ())
    with transaction.atomic():
        return [
            write_failure(decoded.claim, decoded.reason, may_mend=decoded.may_mend)
            if decoded.reason
            else write_vector(decoded.claim, next(vectors), embedder.identity)
            for decoded in batch
        ]
