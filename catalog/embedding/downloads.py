"""Fetches the pictures of rows that have only an address, several at once."""

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from math import inf
from time import monotonic

from catalog.embedding.claims import (
    Claim,
    PictureOutcome,
    claim,
    give_up,
    pages,
    write_failure,
    write_picture,
)
from catalog.embedding.columns import IN_WORK_AFTER, EmbeddedQuerySet
from catalog.fetching.fetcher import Answer, FetchError
from catalog.fetching.remote import fetch_catalog_picture
from catalog.pictures.gate import InvalidImage
from catalog.pictures.slots import DECODING, STAFF, Busy
from catalog.pictures.storage import NotStored
from catalog.pictures.stored import NewPicture

FETCHERS = 8  # threads, which only wait for servers
MIN_LEASE = 30  # minimum seconds of a claim: one fetch, after those before it were stored

Fetching = dict[Future[Answer], Claim]


def fetch_pictures(
    rows: EmbeddedQuerySet, *, seconds: float | None = None
) -> Iterator[PictureOutcome]:
    """Fetch the pictures of these rows; yields an outcome for each once it is committed.

    A picture that is "fetched" waits for its vector. After `seconds` no other fetch is started.
    """
    give_up(rows)
    end = inf if seconds is None else monotonic() + seconds
    fetching: Fetching = {}
    # A row is claimed only when a thread is free for it, so that no claim lapses while it waits.
    with ThreadPoolExecutor(FETCHERS, thread_name_prefix="picture") as fetchers:
        for row in (row for page in pages(rows, FETCHERS) for row in page):
            # A picture whose last attempt may have killed its worker is fetched alone.
            suspect = row.embedding_error in IN_WORK_AFTER
            yield from _finish(fetching, left=0 if suspect else FETCHERS - 1)
            if monotonic() > end:
                break
            if taken := claim(row, seconds=MIN_LEASE):
                fetching[fetchers.submit(fetch_catalog_picture, taken.image_url)] = taken
            yield from _finish(fetching, left=0 if suspect else FETCHERS)
        yield from _finish(fetching, left=0)


def _finish(fetching: Fetching, *, left: int) -> Iterator[PictureOutcome]:
    """Wait for fetches and store their pictures, until at most `left` fetches are running."""
    while len(fetching) > left:
        for future in wait(fetching, return_when=FIRST_COMPLETED).done:
            claim = fetching.pop(future)
            try:
                answer = future.result()
                with DECODING.one(STAFF):  # without a broker, this is a web process
                    picture = NewPicture(answer.body)
                yield write_picture(claim, picture, answer.validator)
            except InvalidImage as error:
                yield write_failure(claim, error)
            except (FetchError, NotStored, Busy) as error:
                yield write_failure(claim, error, may_mend=True)
