"""Configures gunicorn: `gunicorn --config python:visualsearch.gunicorn`.

`--bind` or PORT sets where it listens, WEB_CONCURRENCY the number of processes. SIGHUP starts new
processes with the current code, and lets the old ones finish their requests.
"""

import os
import shutil
import sys
from tempfile import mkdtemp
from typing import Any

# NumPy's threads spin for a while after each matrix product, which takes processor time from the
# network: with one thread for each request, `benchmarks/serving.py` counted 36 answers a second
# instead of 26.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# How long a thread keeps the interpreter's lock while others wait for it; five milliseconds by
# default. A search takes the lock many times, and would wait as often.
sys.setswitchinterval(0.001)

METRICS = "PROMETHEUS_MULTIPROC_DIR"  # the folder where the processes keep their metrics

wsgi_app = "visualsearch.wsgi"
threads = 32
control_socket_disable = True
forwarder_headers = ""  # our proxies send no SCRIPT_NAME, and a forged one would cause a 500

if os.environ.get("LOG_FORMAT") == "json":
    logconfig_dict = {
        "formatters": {"json": {"()": "visualsearch.logs.JSONLines"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
        "loggers": {"gunicorn.error": {"handlers": ["console"], "propagate": False}},
    }


def on_starting(server: Any) -> None:
    """Make the folder before a process imports prometheus_client, which reads where it is.

    Its files are mapped into memory, and writing to one on a full disk kills the process (SIGBUS).
    So they are in memory where the system has a place for that.
    """
    folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
    os.environ[METRICS] = mkdtemp(prefix="visualsearch-metrics-", dir=folder)


def on_exit(server: Any) -> None:
    """Remove it when all processes have ended."""
    shutil.rmtree(os.environ[METRICS], ignore_errors=True)
