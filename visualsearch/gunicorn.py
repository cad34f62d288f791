"""How gunicorn runs the shop: `gunicorn --config python:visualsearch.gunicorn`.

`--bind` or PORT says where it listens, WEB_CONCURRENCY how many processes it has.
"""

import os

# NumPy's threads spin for a while after each product, and keep the network from the cores: with one
# for each request, `benchmarks/serving.py` counted 36 answers a second instead of 26.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

wsgi_app = "visualsearch.wsgi"
threads = 32
control_socket_disable = True
forwarder_headers = ""  # no proxy of ours sends SCRIPT_NAME, and a false one would be answered 500
