"""The ASGI application. It has no `visualsearch.front`, so a proxy in front has to limit uploads.

The shop is normally served over WSGI, with `gunicorn --config python:visualsearch.gunicorn`.
"""

import logging
import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "visualsearch.settings")

application = get_asgi_application()
logging.getLogger(__name__).warning(
    "MAX_BODY_MB has no effect over ASGI; let the server in front limit uploads."
)
