"""How gunicorn runs the shop: `gunicorn --config python:visualsearch.gunicorn`.

`--bind` or PORT says where it listens, WEB_CONCURRENCY how many processes it has. On SIGHUP it
starts new processes, with the code as it is then, and lets the old ones finish what they began.
"""

import os
import shutil
from tempfile import mkdtemp
from typing import Any

# NumPy's threads spin for a while after each product, and keep the network from the cores: with one
# for each request, `benchmarks/serving.py` counted 36 answers a second instead of 26.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

METRICS = "PROMETHEUS_MULTIPROC_DIR"  # where the processes count, in files that all can read

wsgi_app = "visualsearch.wsgi"
threads = 32
control_socket_disable = True
forwarder_headers = ""  # no proxy of ours sends SCRIPT_NAME, and a false one would be answered 500

if os.environ.get("LOG_FORMAT") == "json":
    logconfig_dict = {
        "formatters": {"json": {"()": "visualsearch.logs.JSONLines"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
        "loggers": {"gunicorn.error": {"handlers": ["console"], "propagate": False}},
    }


def on_starting(server: Any) -> None:
    """Before the processes start, and with them the client that reads where to count."""
    os.environ[METRICS] = mkdtemp(prefix="visualsearch-metrics-")


def on_exit(server: Any) -> None:
    """They have all ended."""
    shutil.rmtree(os.environ[METRICS], ignore_errors=True)
