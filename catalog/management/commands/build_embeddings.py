from argparse import ArgumentParser, ArgumentTypeError
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from catalog.embedders import EmbedderUnavailable
from catalog.embedding import BATCH_SIZE, current_embedder, embed_pictures
from catalog.models import EMBEDDED_MODELS, EmbeddedQuerySet


class Command(BaseCommand):
    help = "Compute the vectors of all pictures that have no current one. Safe to stop and repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="also of those that have one")
        parser.add_argument("--limit", type=positive, help="so many pictures at most")
        parser.add_argument("--batch-size", type=positive, default=BATCH_SIZE)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            embedder = current_embedder()
        except EmbedderUnavailable as error:
            raise CommandError(str(error)) from error
        work = _work(embedder.identity, everything=options["all"], limit=options["limit"])
        total = sum(rows.count() for rows in work)
        self.stdout.write(f"{embedder.identity}: {total} pictures to embed")
        counts: Counter[str] = Counter()
        with tqdm(desc="embedding", total=total, unit=" pictures", disable=not total) as bar:
            for rows in work:
                name = rows.model._meta.verbose_name
                for outcome in embed_pictures(rows, embedder, batch_size=options["batch_size"]):
                    counts[outcome.status] += 1
                    bar.update()
                    if outcome.reason:
                        bar.write(f"{name} {outcome.id}: {outcome.reason}")
        self.stdout.write(f"{counts['ready']} ready, {counts['failed']} failed")
        if counts["void"]:
            self.stdout.write(f"{counts['void']} were replaced, deleted or embedded meanwhile")


def _work(identity: str, *, everything: bool, limit: int | None) -> list[EmbeddedQuerySet]:
    """The rows to embed, of each model, together no more than the limit."""
    work = []
    for model in EMBEDDED_MODELS:
        rows: EmbeddedQuerySet = model.objects.exclude(image="").order_by("pk")
        rows = rows if everything else rows.unembedded(identity)
        if limit is not None:
            rows = first(rows, limit)
            limit -= rows.count()
        work.append(rows)
    return work


def first(rows: EmbeddedQuerySet, limit: int) -> EmbeddedQuerySet:
    """The first `limit` of the rows by id, also when those before have left the queryset."""
    ids = list(rows.values_list("pk", flat=True)[:limit])
    return rows.filter(pk__lte=ids[-1]) if ids else rows.none()


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
