import errno
import socket
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.core.management.utils import get_random_secret_key
from dotenv import dotenv_values, set_key

DOTENV = Path(settings.BASE_DIR) / ".env"
ALWAYS_AVAILABLE = "efficientnet_lite0"  # its weights come with a package


class Command(BaseCommand):
    help = "Prepare a fresh clone: a secret key in .env, the database and the network."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", help="first make sure that a server can listen on this port")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["port"] is not None:
            check_port(options["port"])
        # `set_key` makes a new .env that only its owner may read.
        if "SECRET_KEY" not in dotenv_values(DOTENV):
            self.stdout.write("Writing a secret key to .env")
            set_key(DOTENV, "SECRET_KEY", get_random_secret_key(), follow_symlinks=True)
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
            set_key(DOTENV, "EMBEDDER", ALWAYS_AVAILABLE, follow_symlinks=True)


def check_port(port: str) -> None:
    """Make sure that a server can listen on a port of this machine. Raises CommandError."""
    another = "Choose another, such as: make run PORT=8123"
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 2**16):
        raise CommandError(f"PORT is {port!r}. It must be a number from 1 to 65535. {another}")
    try:
        socket.create_server(("127.0.0.1", int(port))).close()
    except OSError as error:
        reasons = {errno.EADDRINUSE: "is taken", errno.EACCES: "may be used by root only"}
        reason = reasons.get(error.errno or 0, f"can't be used: {error.strerror}")
        raise CommandError(f"Port {port} {reason}. {another}") from error
