from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from catalog.embedders import EMBEDDERS, get_network
from catalog.embedders.export import ExportFailed, export
from catalog.embedders.network import WeightsUnavailable


class Command(BaseCommand):
    help = (
        "Get an embedder's weights, build it in TensorFlow, check it, and store the compiled form "
        "that serving loads."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--embedder", choices=EMBEDDERS, default=settings.EMBEDDER)

    def handle(self, *args: Any, embedder: str, **options: Any) -> None:
        weights = settings.MOBILENET_V2_WEIGHTS if embedder == "mobilenet_v2" else None
        try:
            manifest = export(get_network(embedder), settings.MODEL_DIR, weights, self.report)
        except (WeightsUnavailable, ExportFailed) as error:
            raise CommandError(f"{embedder} can't be prepared. {error}") from error
        self.stdout.write(f"{manifest.identity} is ready")

    def report(self, step: str) -> None:
        self.stdout.write(f"  {step} ...")
        self.stdout.flush()
