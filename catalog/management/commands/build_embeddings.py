from argparse import ArgumentParser, ArgumentTypeError
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from catalog.embedders import EmbedderUnavailable
from catalog.embedding import BATCH_SIZE, Outcome, current_embedder, embed_pictures
from catalog.models import EmbeddedQuerySet, Product


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
        rows = Product.objects.exclude(image="").order_by("pk")
        if not options["all"]:
            rows = rows.unembedded(embedder.identity)
        rows = first(rows, options["limit"])
        total = rows.count()
        self.stdout.write(f"{embedder.identity}: {total} pictures to embed")
        if total:
            outcomes = embed_pictures(rows, embedder, batch_size=options["batch_size"])
            self._report(tqdm(outcomes, desc="embedding", total=total, unit=" pictures"))

    def _report(self, outcomes: "tqdm[Outcome]") -> None:
        counts: Counter[str] = Counter()
        for outcome in outcomes:
            counts[outcome.status] += 1
            if outcome.reason:
                outcomes.write(f"product {outcome.id}: {outcome.reason}")
        self.stdout.write(f"{counts['ready']} ready, {counts['failed']} failed")
        if counts["void"]:
            self.stdout.write(f"{counts['void']} were replaced or deleted meanwhile")


def first(rows: EmbeddedQuerySet, limit: int | None) -> EmbeddedQuerySet:
    """The first `limit` of the rows by id, also when those before have left the queryset."""
    last = rows.values_list("pk", flat=True)[limit - 1 : limit].first() if limit else None
    return rows if last is None else rows.filter(pk__lte=last)


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
