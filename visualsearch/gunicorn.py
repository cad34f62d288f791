"""How gunicorn runs the shop: `gunicorn --config python:visualsearch.gunicorn`.

`--bind` or PORT says where it listens, WEB_CONCURRENCY how many processes it has.
"""

wsgi_app = "visualsearch.wsgi"
threads = 32
control_socket_disable = True
forwarder_headers = ""  # no proxy of ours sends SCRIPT_NAME, and a false one would be answered 500
