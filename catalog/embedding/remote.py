"""Fetching the pictures of rows that have only an address, a few at once."""

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from math import inf
from time import monotonic

from catalog.embedding.claims import (
    Claim,
    Outcome,
    claim,
    give_up,
    pages,
    write_failure,
    write_picture,
)
from catalog.fetching.fetcher import FetchError
from catalog.fetching.remote import fetch_picture
from catalog.models import IN_WORK, EmbeddedPicture, EmbeddedQuerySet
from catalog.pictures.fields import NewPicture
from catalog.pictures.gate import InvalidImage
from catalog.pictures.storage import NotStored

FETCHERS = 8  # threads, which do nothing but wait for servers
LEASE = 30  # seconds that a claim lasts at least: a slow server, and those before it in line

Fetching = dict[Future[bytes], Claim]


def fetch_pictures(rows: EmbeddedQuerySet, *, seconds: float | None = None) -> Iterator[Outcome]:
    """Fetch these rows' pictures, each committed at once; an outcome for each.

    A picture that is "fetched" waits for its vector. After so many seconds no other is begun.
    """
    give_up(rows)
    end = inf if seconds is None else monotonic() + seconds
    fetching: Fetching = {}
    # A claim is taken when a thread is free for it, so that none lapses in a line.
    with ThreadPoolExecutor(FETCHERS, thread_name_prefix="picture") as fetchers:
        for row in _each(rows):
            suspect = row.embedding_error == IN_WORK  # it may have killed its worker: alone, then
            yield from _finish(fetching, left=0 if suspect else FETCHERS - 1)
            if monotonic() > end:
                break
            if taken := claim(row, seconds=LEASE):
                fetching[fetchers.submit(fetch_picture, taken.image_url)] = taken
            yield from _finish(fetching, left=0 if suspect else FETCHERS)
        yield from _finish(fetching, left=0)


def _each(rows: EmbeddedQuerySet) -> Iterator[EmbeddedPicture]:
    for page in pages(rows, FETCHERS):
        yield from page


def _finish(fetching: Fetching, *, left: int) -> Iterator[Outcome]:
    """Wait until no more than so many are left."""
    while len(fetching) > left:
        for future in wait(fetching, return_when=FIRST_COMPLETED).done:
            yield _store(future, fetching.pop(future))


def _store(future: Future[bytes], claim: Claim) -> Outcome:
    try:
        # Through the gate one by one: opening a large picture may take 400 MB.
        return write_picture(claim, NewPicture(future.result()))
    except FetchError as error:
        return write_failure(claim, str(error), may_mend=True)
    except InvalidImage as error:
        return write_failure(claim, str(error))
    except NotStored as error:
        return write_failure(claim, str(error), may_mend=True)
