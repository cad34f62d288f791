from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from catalog.models import Product

DEMO = Path(settings.BASE_DIR) / "fixtures" / "products.csv"


class Command(BaseCommand):
    help = "Import the demo catalog into an empty database, and compute missing vectors."

    def handle(self, *args: Any, **options: Any) -> None:
        if not Product.objects.exists():
            self.stdout.write("Importing the demo catalog")
            call_command("import_products", DEMO, stdout=self.stdout, stderr=self.stderr)
        call_command("build_embeddings", stdout=self.stdout)
