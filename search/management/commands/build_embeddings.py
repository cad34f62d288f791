from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from catalog.embedders import EmbedderUnavailable
from catalog.embedders.runtime import Embedder
from catalog.embedding.batches import BATCH_PICTURES, embed_pictures
from catalog.embedding.claims import PictureOutcome
from catalog.embedding.downloads import fetch_pictures
from catalog.embedding.rows import EmbeddedQuerySet, embedded_models
from catalog.serving import serving_embedder, wanted_embedder
from search.calibration.limits import calibrate_if_due
from search.catalog_map.maps import draw_map
from search.engines import EngineUnavailable, get_engine
from search.management.arguments import positive
from search.switching import begin_switch, finish_switch


class Command(BaseCommand):
    help = (
        "Fetch the pictures that only have an address, and compute the vectors of all that have "
        "no current one; then write the snapshot that searches start from, and draw the map. Safe "
        "to stop and repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="also of those that have one")
        parser.add_argument("--limit", type=positive, help="so many pictures at most")
        parser.add_argument(
            "--batch-size",
            type=positive,
            default=BATCH_PICTURES,
            help="so many pictures are committed at once (%(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            wanted, served = wanted_embedder(), serving_embedder()
        except EmbedderUnavailable as error:
            raise CommandError(str(error)) from error
        self._fetch(options["limit"])
        try:
            if wanted.identity == served.identity:
                self._embed(wanted, options)
                get_engine().build(wanted.identity, wanted.dim)
            else:
                self._switch(served, wanted, options)
            self._draw_map()
            self._calibrate()
        except EngineUnavailable as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{settings.INDEX_DIR} can't be written: {error}") from error

    def _switch(self, old: Embedder, new: Embedder, options: dict[str, Any]) -> None:
        self.stdout.write(f"{old.identity} goes on serving until all pictures are embedded")
        begin_switch(old)
        self._embed(new, options)
        while not finish_switch(old, new):  # pictures that were saved meanwhile
            if options["limit"] is not None or not self._embed(new, options | {"all": False}):
                self.stdout.write(f"{old.identity} goes on serving; some pictures still wait")
                return
        self.stdout.write(f"{new.identity} serves from now on")
        self._embed(new, options | {"all": False})  # what a worker wrote at the last moment

    def _draw_map(self) -> None:
        embedder = serving_embedder()
        if draw_map(embedder.identity, embedder.dim):
            self.stdout.write("the map of the catalog is drawn")

    def _calibrate(self) -> None:
        if found := calibrate_if_due(serving_embedder()):
            self.stdout.write(f"in this catalog, {found.similar:.2f} is similar")

    def _embed(self, embedder: Embedder, options: dict[str, Any]) -> int:
        """Embed what there is to embed; how many pictures became ready."""
        work = _work(embedder.identity, everything=options["all"], limit=options["limit"])
        if not _count(work):
            self.stdout.write(f"{embedder.identity}: all pictures are embedded")
            return 0
        self.stdout.write(f"{embedder.identity}: {_count(work)} pictures to embed")
        embed = partial(embed_pictures, embedder=embedder, batch_size=options["batch_size"])
        counts = _watch("embedding", work, embed)
        self.stdout.write(f"{counts['ready']} ready, {counts['failed']} failed")
        if counts["void"]:
            self.stdout.write(f"{counts['void']} were replaced, deleted or embedded meanwhile")
        return counts["ready"]

    def _fetch(self, limit: int | None) -> None:
        work = _together([model.objects.unfetched() for model in embedded_models()], limit)
        if not _count(work):
            return
        self.stdout.write(f"{_count(work)} pictures to fetch")
        counts = _watch("fetching", work, fetch_pictures)
        self.stdout.write(f"{counts['fetched']} fetched, {counts['failed']} failed")


def _watch(
    what: str,
    work: list[EmbeddedQuerySet],
    finish: Callable[[EmbeddedQuerySet], Iterator[PictureOutcome]],
) -> Counter[str]:
    """Do the work under a progress bar that tells of every failure; what came of it."""
    counts: Counter[str] = Counter()
    total = _count(work)
    with tqdm(desc=what, total=total, unit=" pictures", disable=not total) as bar:
        for rows in work:
            name = rows.model._meta.verbose_name
            for outcome in finish(rows):
                counts[outcome.status] += 1
                bar.update()
                if outcome.reason:
                    bar.write(f"{name} {outcome.id}: {outcome.reason}")
    return counts


def _work(identity: str, *, everything: bool, limit: int | None) -> list[EmbeddedQuerySet]:
    """The rows to embed, of each model, together no more than the limit."""
    work = []
    for model in embedded_models():
        rows: EmbeddedQuerySet = model.objects.exclude(image="")
        work.append(rows if everything else rows.unembedded(identity))
    return _together(work, limit)


def _together(work: list[EmbeddedQuerySet], limit: int | None) -> list[EmbeddedQuerySet]:
    """No more rows than the limit, those of the first model first."""
    if limit is None:
        return work
    limited = []
    for rows in work:
        limited.append(first(rows.order_by("pk"), limit))
        limit -= limited[-1].count()
    return limited


def _count(work: list[EmbeddedQuerySet]) -> int:
    return sum(rows.count() for rows in work)


def first(rows: EmbeddedQuerySet, limit: int) -> EmbeddedQuerySet:
    """The first `limit` of the rows by id, also when those before have left the queryset."""
    ids = list(rows.values_list("pk", flat=True)[:limit])
    return rows.filter(pk__lte=ids[-1]) if ids else rows.none()
