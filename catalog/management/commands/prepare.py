from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.core.management.utils import get_random_secret_key

DOTENV = Path(settings.BASE_DIR) / ".env"
ALWAYS_AVAILABLE = "efficientnet_lite0"  # its weights come with a package


class Command(BaseCommand):
    help = "Prepare a fresh clone: a secret key in .env, the database and the network."

    def handle(self, *args: Any, **options: Any) -> None:
        if not has_setting("SECRET_KEY"):
            self.stdout.write("Writing a secret key to .env")
            add_setting("SECRET_KEY", get_random_secret_key())
        self.stdout.write("Preparing the database")
        call_command("migrate", verbosity=0)
        self.stdout.write(f"Preparing the network {settings.EMBEDDER}")
        try:
            call_command("download_model", stdout=self.stdout)
        except CommandError as error:
            if settings.EMBEDDER_CHOSEN:
                raise
            self.stdout.write(str(error))
            self.stdout.write(f"Going on with {ALWAYS_AVAILABLE}; .env says so from now on.")
            call_command("download_model", embedder=ALWAYS_AVAILABLE, stdout=self.stdout)
            add_setting("EMBEDDER", ALWAYS_AVAILABLE)


def has_setting(name: str) -> bool:
    """True if .env has the setting."""
    lines = DOTENV.read_text().splitlines() if DOTENV.exists() else []
    return any(line.startswith(f"{name}=") for line in lines)


def add_setting(name: str, value: str) -> None:
    """Add a setting to .env, which only its owner may read."""
    DOTENV.touch(mode=0o600)
    lines = DOTENV.read_text().splitlines()
    DOTENV.write_text("\n".join([*lines, f"{name}='{value}'", ""]))
