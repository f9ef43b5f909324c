# Two stages: the first makes one folder, the second is the base image plus that folder.
# `docker build .` works as it stands; `./invoke build` adds the labels' values, the time and, where it must, a CA.
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements/build.txt requirements/production.txt requirements/
# The installer lives in an environment of its own, so the one that is shipped never holds it.
# A company's CA, where its proxy needs one, is here for the time of this command only.
RUN --mount=type=secret,id=ca \
    set -eu; \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    python3 -m venv /build/tools; \
    python3 -m venv --without-pip /app/venv; \
    tools/bin/pip install --quiet --require-hashes --no-deps -r requirements/build.txt; \
    tools/bin/pip --python /app/venv/bin/python install --quiet --require-hashes --no-deps --no-compile \
      -r requirements/production.txt
COPY LICENSE ./
COPY service/ service/
# The time that every file of the payload is given: the same input makes the same image. Not SOURCE_DATE_EPOCH itself:
# BuildKit leaves it out of the cache's key, so a cached step would keep the time of another build.
ARG CREATED=1970-01-01T00:00:00Z
RUN set -eu; \
    # flit looks for the module beside its pyproject.toml.
    mv service/pyproject.toml .; \
    SOURCE_DATE_EPOCH="$(date --date="${CREATED}" +%s)"; export SOURCE_DATE_EPOCH; \
    tools/bin/pip wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir wheels .; \
    tools/bin/pip --python /app/venv/bin/python install --quiet --no-index --no-deps --no-compile \
      --find-links wheels x402-fac
COPY config/config.example.json /app/config/
RUN set -eu; \
    # Compiled code that is never checked against its source: the root file system is read-only at run time.
    /app/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /app/venv/lib; \
    rm -f /app/venv/.gitignore; \
    mkdir -p /payload/etc; \
    cp -a /app /payload/app; \
    cp /etc/passwd /etc/group /payload/etc/; \
    echo 'appuser:x:1001:1001:facilitator:/app:/usr/sbin/nologin' >>/payload/etc/passwd; \
    echo 'appgroup:x:1001:' >>/payload/etc/group; \
    # To the cache two folders are the same when only their times differ: without this file the COPY below could bring
    # back the files of another build, with its times.
    echo "${CREATED}" >/payload/app/created; \
    chown -R 0:0 /payload; \
    chmod -R u=rwX,go=rX /payload; \
    find /payload -exec touch --no-dereference --date="${CREATED}" {} +

FROM ${PYTHON_IMAGE} AS production
ARG SOURCE_DATE_EPOCH=0
ARG REVISION=unknown
ARG SOURCE=urn:x402-fac
ARG VERSION=0.1.0
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="x402-fac" \
      org.opencontainers.image.description="A small x402 payment facilitator" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.created="${CREATED}"
ENV PATH=/app/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
COPY --from=build /payload/ /
WORKDIR /app
USER 1001:1001
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=3s --timeout=3s --start-period=30s --start-interval=200ms --retries=2 \
    CMD ["/app/venv/bin/python", "-m", "service.healthcheck"]
CMD ["/app/venv/bin/python", "-m", "service"]
