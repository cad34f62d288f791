from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from catalog.feeds.running import due_feeds, sync
from catalog.models import Feed, FeedRun


class Command(BaseCommand):
    help = (
        "Import the feeds that are due, or those that are named. Where there is no worker with "
        "beat, run it regularly. Safe to stop and repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="*", help="the name of a feed")
        parser.add_argument("--all", action="store_true", help="import all enabled feeds")
        parser.add_argument(
            "--force", action="store_true", help="import files that are the same as last time, too"
        )

    def handle(self, *args: Any, name: list[str], force: bool, **options: Any) -> None:
        if name and options["all"]:
            raise CommandError("Name feeds or give --all, not both.")
        feeds = list(Feed.objects.filter(name__in=name)) if name else due_feeds()
        if unknown := sorted(set(name) - {feed.name for feed in feeds}):
            known = ", ".join(Feed.objects.values_list("name", flat=True)) or "none yet"
            raise CommandError(f"There is no feed {unknown[0]!r}. The feeds are: {known}.")
        if options["all"]:
            feeds = list(Feed.objects.filter(enabled=True))
        if not feeds:
            self.stdout.write("No feed is due. Name feeds, or give --all, to import them now.")
        problems = 0
        for feed in feeds:
            try:
                run = sync(feed, force=force)
            except OperationalError as error:
                raise CommandError(
                    f"The database failed: {error}. Run the command again to go on."
                ) from error
            if run is None:
                self.stdout.write(f"{feed.name}: another process is importing it.")
                continue
            self._report(run)
            problems += bool(run.problem)
        if problems:
            feeds_have = "1 feed has" if problems == 1 else f"{problems} feeds have"
            raise CommandError(f"{feeds_have} a problem.")

    def _report(self, run: FeedRun) -> None:
        for line, sku, reason in (*run.notes, *run.failures):
            self.stderr.write(f"{run.feed}, line {line}: {reason}{sku and f' (id {sku})'}")
        if run.state == FeedRun.State.UNCHANGED:
            self.stdout.write(f"{run.feed}: nothing new")
        else:
            names = ("created", "updated", "unchanged", "hidden", "failed")
            counts = ", ".join(f"{getattr(run, name)} {name}" for name in names)
            self.stdout.write(f"{run.feed}: {counts}")
        if run.problem:
            self.stderr.write(f"{run.feed}: {run.problem}")
