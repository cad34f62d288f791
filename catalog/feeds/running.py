"""Runs a feed: fetches its file, imports it, and hides what is no longer in it.

Each step commits its work and the progress of the run in one transaction. A run that is killed
continues from there with the same file, and its report is the same as that of any other run.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from math import inf
from pathlib import Path
from time import monotonic
from typing import BinaryIO

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext, override

from catalog.feeds.hiding import find_missing, hide, safety_stop
from catalog.feeds.ownership import FeedOwner, added, plain
from catalog.feeds.turns import Stopped, Turn, take_turn
from catalog.fetching.fetcher import Answer, FetchError
from catalog.fetching.remote import fetch_feed
from catalog.files import replace_file, watched
from catalog.importers import InvalidCatalogFile, Options, import_table, read_table
from catalog.importers.importing import MAX_ELEMENTS_OF_COMMAND, NOTE
from catalog.importers.tables import Table, is_cut_off
from catalog.messages import Sentence, sentence
from catalog.messages.translation import translated
from catalog.models import Feed, FeedRun

PROGRESS_SECONDS = 2.0  # between two writes of how much was fetched
RETRY = timedelta(hours=1)  # after a failure, unless the next run comes earlier
MAX_STOPS = 3  # how often a run may stop its process without any progress between
KEPT_RUNS = 50  # of each feed
State = FeedRun.State


def due_feeds() -> list[Feed]:
    """The feeds whose turn it is, the one that has waited longest first."""
    due = Feed.objects.filter(next_run_at__lte=timezone.now())
    return list(due.order_by("next_run_at", "pk"))


@override(settings.LANGUAGE_CODE)
def sync(feed: Feed, *, seconds: float = inf, force: bool = False) -> FeedRun | None:
    """Run a feed, or go on with its run that was stopped; None if another process is at it.

    After `seconds` the run is left to the next call. With `force` the file is imported even if it
    is the same as last time. What goes wrong with the file is in the run's `problem`. Reports are
    in the shop's own language, whoever asks for the run.
    """
    turn = take_turn(feed, monotonic() + seconds)
    if turn and turn.run.state == State.IMPORTING and not _is_stored(turn.run):
        _end(turn, State.FAILED, gettext("It was stopped, and its file is on another machine."))
        turn = take_turn(feed, monotonic() + seconds)
    if turn is None:
        return None
    run = turn.run
    if run.stops >= MAX_STOPS:
        problem = gettext("It has stopped the worker three times. Nothing was hidden.")
        _end(turn, State.FAILED, problem)
        return run
    try:
        if run.state == State.FETCHING:
            _fetch(turn, force=force)
        if run.state == State.IMPORTING:
            _import(turn)
        if run.state == State.HIDING:
            hide(turn)
            _end(turn, State.FINISHED)
    except Stopped:
        turn.release(stops=0)
        with suppress(FeedRun.DoesNotExist):  # somebody has deleted the feed
            run.refresh_from_db()
    except (FetchError, InvalidCatalogFile) as error:
        reason = sentence("%(problem)s Nothing was hidden.", problem=error)
        _end(turn, State.FAILED, translated(reason))
    except OSError as error:
        _end(turn, State.FAILED, translated(not_stored(error)))
    finally:
        with suppress(DatabaseError):  # the lease ends by itself
            turn.release()
    return run


def _file(run: FeedRun) -> Path:
    folder: Path = settings.FEEDS_DIR
    folder.mkdir(exist_ok=True)
    return folder / f"{run.pk}.feed"


def _is_stored(run: FeedRun) -> bool:
    return _file(run).is_file() and _file(run).stat().st_size == run.size


def _fetch(turn: Turn, *, force: bool) -> None:
    """Store the feed's file on this machine, unless it is the one of the last run.

    The same file is read again once a sale in it has begun or ended.
    """
    run, feed = turn.run, turn.run.feed
    last = feed.runs.filter(state=State.FINISHED).first()
    is_same = last and not last.problem and (last.url, last.options) == (feed.url, feed.options)
    is_current = last and (last.sales_change_at is None or timezone.now() < last.sales_change_at)
    validator = last.validator if last and is_same and is_current and not force else ""
    turn.write(url=feed.url, options=feed.options)
    path = _file(run)
    for torn in path.parent.glob(f"{path.name}.*"):
        torn.unlink(missing_ok=True)
    with replace_file(path) as aside, aside.open("wb") as file:
        answer = store(feed, file, validator=validator, on_read=_progress(turn))
        turn.write()  # before the file gets its name: nobody else must have the run
    if not answer.is_modified:
        _end(turn, State.UNCHANGED)
        return
    size = path.stat().st_size
    turn.write(state=State.IMPORTING, validator=answer.validator, size=size, done=0, stops=0)


def store(
    feed: Feed, file: BinaryIO, *, on_read: Callable[[int, int], object], validator: str = ""
) -> Answer:
    """Write a feed's file to `file`. Raises FetchError, and OSError if that can't be written."""
    if feed.url:
        return fetch_feed(
            feed.url,
            file,
            user=feed.user,
            password=feed.password,
            validator=validator,
            on_read=on_read,
        )
    if not feed.upload:
        raise FetchError(sentence("The feed has neither an address nor a file."))
    file.write(feed.upload)
    return Answer(b"")


def not_stored(error: OSError) -> Sentence:
    """Why a feed's file can't be written."""
    return sentence("The file can't be stored: %(reason)s.", reason=error.strerror)


def _progress(turn: Turn) -> Callable[[int, int], None]:
    """Writes how much was fetched, now and then."""
    last = monotonic()

    def tell(received: int, total: int) -> None:
        nonlocal last
        turn.check_time()
        if monotonic() >= last + PROGRESS_SECONDS:
            last = monotonic()
            turn.write(done=received, size=total)

    return tell


def _import(turn: Turn) -> None:
    """Import the stored file from where the last turn stopped, and decide what is to be hidden."""
    run = turn.run
    with _file(run).open("rb") as file:
        owner = FeedOwner(turn, file.tell)
        table = read_table(watched(file, turn.keep_lease), spare_elements=MAX_ELEMENTS_OF_COMMAND)
        results = import_table(
            table,
            options=Options(**run.options),
            confined=True,
            owner=owner,
        )
        told = []
        for result in results:
            turn.check_time()
            if result.status == NOTE:
                told.append(result)
        turn.write(sales_change_at=owner.changes_at, **added(run.notes, "notes", told))
        missing, before = find_missing(run, owner.seen)
        if not len(missing):
            _end(turn, State.FINISHED)
            return
        # Other tables tell by themselves that they are not whole.
        is_damaged = owner.is_damaged or (type(table) is Table and is_cut_off(table))
    problem = safety_stop(run, len(missing), before, is_damaged=is_damaged)
    found = {"missing": missing.tobytes(), "missing_count": len(missing)}
    if problem:
        turn.write(**found)
        _end(turn, State.FINISHED, problem)
    else:
        turn.write(state=State.HIDING, stops=0, **found)


def _end(turn: Turn, state: State, problem: str = "") -> None:
    """End the run, and say when the next one is due."""
    run, feed, now = turn.run, turn.run.feed, timezone.now()
    with transaction.atomic():
        columns = {"missing": None} if not problem else {}
        turn.write(state=state, problem=plain(problem), ended_at=now, lease_until=None, **columns)
        feed.refresh_from_db(fields=("enabled", "interval", "url", "next_run_at"))
        pause = timedelta(minutes=feed.interval)
        if state == State.FAILED:
            pause = min(pause, RETRY)
        is_repeated = feed.enabled and feed.interval and feed.url
        # Somebody may have changed the feed, or asked for another run, while this one was in work.
        if not (feed.next_run_at and run.started_at < feed.next_run_at <= now):
            next_run_at = now + pause if is_repeated else None
            Feed.objects.filter(pk=feed.pk).update(next_run_at=next_run_at)
        # The last finished one says what is known of the file.
        finished = feed.runs.filter(state=State.FINISHED).values_list("pk", flat=True)[:1]
        kept = feed.runs.values_list("pk", flat=True)[:KEPT_RUNS]
        feed.runs.exclude(Q(pk__in=list(kept)) | Q(pk__in=list(finished))).delete()
    with suppress(OSError):
        os.unlink(_file(run))
