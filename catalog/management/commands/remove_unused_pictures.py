from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from catalog.pictures.references import discard, unused_pictures


class Command(BaseCommand):
    help = (
        "Remove stored pictures that no product and no photo uses, for example those of rolled "
        "back transactions. Pictures of the last hour stay. Safe to repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only list them")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        if dry_run:
            for name in unused_pictures():
                self.stdout.write(name)
            return
        count = sum(discard(name) for name in unused_pictures())
        self.stdout.write(f"{count} unused pictures removed")
