from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from tqdm import tqdm

from catalog.embedding.claims import pages
from catalog.embedding.columns import NEVER, REMOTE, EmbeddedQuerySet, embedded_models
from catalog.tasks import TASK_ROWS, embed_pending, refetch_rows


class Command(BaseCommand):
    help = (
        "Ask the addresses of stored pictures whether they have changed, and fetch those that "
        "have. Worker and beat do this by themselves; where there are none, run it every night. "
        "Safe to stop and repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--all", action="store_true", help="ask also where it is not yet time (REFETCH_DAYS)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        embed_pending()  # what a run that was stopped has fetched
        counts: Counter[str] = Counter()
        for model in embedded_models():
            rows: EmbeddedQuerySet = model.objects.filter(REMOTE).exclude(image="")
            if options["all"]:
                rows = rows.exclude(refetch_at=NEVER)
            elif settings.REFETCH_DAYS:
                rows = rows.refetch_due() | rows.unscheduled()
            else:
                rows = rows.refetch_due()
            with tqdm(desc="asking", total=rows.count(), unit=" addresses") as bar:
                for page in pages(rows, TASK_ROWS):
                    outcomes = refetch_rows(model, page)
                    counts.update(outcome.status for outcome in outcomes)
                    bar.update(len(page))
        self.stdout.write(
            f"{counts['fetched']} changed, {counts['unchanged']} unchanged,"
            f" {counts['failed']} failed"
        )
