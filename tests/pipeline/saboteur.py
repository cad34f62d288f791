"""Trouble for the tests' workers, which import this (`celery --include`).

`SABOTAGE` names a folder. A file there with a picture's digest as its name is an order for whoever
opens that picture: "kill" yourself, or "hold" until the file is gone. The file `opened` lists who
opened what.
"""

import hashlib
import os
import signal
from pathlib import Path
from time import sleep

from PIL import Image

import catalog.embedding.batches
from catalog.pictures.gate import ImageLimits, open_image

FOLDER = Path(os.environ["SABOTAGE"])


def open_sabotaged(data: bytes, *, limits: ImageLimits, at_least: int) -> Image.Image:
    digest = hashlib.sha256(data).hexdigest()
    order = FOLDER / digest
    with (FOLDER / "opened").open("a") as file:
        file.write(f"{digest} {os.getpid()}\n")
    if order.exists() and order.read_text() == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    while order.exists():
        sleep(0.02)
    return open_image(data, limits=limits, at_least=at_least)


catalog.embedding.batches.open_image = open_sabotaged
