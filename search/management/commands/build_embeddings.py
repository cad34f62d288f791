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
from catalog.embedding.columns import EmbeddedQuerySet, embedded_models
from catalog.embedding.downloads import fetch_pictures
from catalog.serving import serving_embedder, wanted_embedder
from search.calibration.limits import calibrate_if_due
from search.catalog_map.maps import draw_map
from search.engines import EngineUnavailable, get_engine
from search.management.arguments import positive
from search.switching import begin_switch, finish_switch


class Command(BaseCommand):
    help = (
        "Fetch the pictures that only have an address, and compute the vectors of those that have "
        "no current one. Then bring the search engine up to date, draw the map, and calibrate "
        "the words for scores. Safe to stop and repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="recompute current vectors, too")
        parser.add_argument("--limit", type=positive, help="process at most this many pictures")
        parser.add_argument(
            "--batch-size",
            type=positive,
            default=BATCH_PICTURES,
            help="commit after this many pictures (%(default)s)",
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
            embedder = serving_embedder()
            if draw_map(embedder.identity, embedder.dim):
                self.stdout.write("the map of the catalog is drawn")
            if found := calibrate_if_due(embedder):
                self.stdout.write(f"in this catalog, {found.similar:.2f} is similar")
        except EngineUnavailable as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{settings.INDEX_DIR} can't be written: {error}") from error

    def _switch(self, old: Embedder, new: Embedder, options: dict[str, Any]) -> None:
        """Search the vectors of the new embedder once no picture waits for one."""
        self.stdout.write(f"{old.identity} goes on serving until all pictures are embedded")
        begin_switch(old)
        self._embed(new, options)
        while not finish_switch(old, new):  # pictures were saved in the meantime
            if options["limit"] is not None or not self._embed(new, options | {"all": False}):
                self.stdout.write(f"{old.identity} goes on serving; some pictures still wait")
                return
        self.stdout.write(f"{new.identity} serves from now on")
        self._embed(new, options | {"all": False})  # vectors that a worker wrote at the last moment

    def _embed(self, embedder: Embedder, options: dict[str, Any]) -> int:
        """Embed pictures of all models. Returns how many became ready."""
        pictures = [
            model.objects.exclude(image="")
            if options["all"]
            else model.objects.unembedded(embedder.identity)
            for model in embedded_models()
        ]
        embed = partial(embed_pictures, embedder=embedder, batch_size=options["batch_size"])
        work = limited(pictures, options["limit"])
        total = sum(rows.count() for rows in work)
        if not total:
            self.stdout.write(f"{embedder.identity}: all pictures are embedded")
            return 0
        self.stdout.write(f"{embedder.identity}: {total} pictures to embed")
        counts = watched("embedding", work, total, embed)
        self.stdout.write(f"{counts['ready']} ready, {counts['failed']} failed")
        if counts["void"]:
            self.stdout.write(f"{counts['void']} were replaced, deleted or embedded meanwhile")
        return counts["ready"]

    def _fetch(self, limit: int | None) -> None:
        """Fetch the pictures of all models that only have an address."""
        work = limited([model.objects.unfetched() for model in embedded_models()], limit)
        total = sum(rows.count() for rows in work)
        if total:
            self.stdout.write(f"{total} pictures to fetch")
            counts = watched("fetching", work, total, fetch_pictures)
            self.stdout.write(f"{counts['fetched']} fetched, {counts['failed']} failed")


def watched(
    what: str,
    work: list[EmbeddedQuerySet],
    total: int,
    process: Callable[[EmbeddedQuerySet], Iterator[PictureOutcome]],
) -> Counter[str]:
    """Process rows under a progress bar that reports every failure. Counts outcomes by status."""
    counts: Counter[str] = Counter()
    with tqdm(desc=what, total=total, unit=" pictures") as bar:
        for rows in work:
            for outcome in process(rows):
                counts[outcome.status] += 1
                bar.update()
                if outcome.reason:
                    name = rows.model._meta.verbose_name_raw  # in English
                    bar.write(f"{name} {outcome.id}: {outcome.reason}")
    return counts


def limited(work: list[EmbeddedQuerySet], limit: int | None) -> list[EmbeddedQuerySet]:
    """At most `limit` rows altogether, those of the first model first, by id.

    The rows are limited by their ids, because rows leave these querysets while they are processed.
    """
    if limit is None:
        return work
    chosen = []
    for rows in work:
        ids = list(rows.order_by("pk").values_list("pk", flat=True)[:limit])
        chosen.append(rows.filter(pk__lte=ids[-1]) if ids else rows.none())
        limit -= len(ids)
    return chosen
