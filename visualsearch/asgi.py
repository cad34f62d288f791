"""The ASGI application. `visualsearch.front` does not stand before it: a proxy has to, then.

The way to serve the shop is WSGI, with `gunicorn --config python:visualsearch.gunicorn`.
"""

import logging
import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "visualsearch.settings")

application = get_asgi_application()
logging.getLogger(__name__).warning(
    "MAX_BODY_MB does not hold over ASGI; let the server in front bound what is uploaded."
)
