from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, no_translations

from catalog.embedders import EmbedderUnavailable
from catalog.serving import serving_embedder
from search.doctor.examination import examine
from search.doctor.findings import count


class Command(BaseCommand):
    help = (
        "Look for pictures that several products share, for tiny, blurred, blank and placeholder "
        "pictures, and for products that look as if they belonged to another category. The admin "
        "shows the findings. Only what has changed is examined. Safe to stop and repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="examine everything again")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            embedder = serving_embedder()
            examination = examine(embedder, anew=options["all"])
            while examination.left:
                self.stdout.write(f"{examination.left} of {examination.products} products left")
                examination = examine(embedder)
        except EmbedderUnavailable as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{settings.INDEX_DIR} cannot be written: {error}") from error
        self.stdout.write(f"{examination.products} products examined")
        for kind, findings in count().items():
            self.stdout.write(f"{kind.label}: {findings}")
