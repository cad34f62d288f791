from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from catalog.backup import NotCopied, back_up


class Command(BaseCommand):
    help = "Copy the database and the pictures into a folder while the shop is in use."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="an earlier copy in it is updated")

    def handle(self, folder: Path, **options: object) -> None:
        try:
            back_up(folder)
        except (NotCopied, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{folder} has the database and the pictures")
