# syntax=docker/dockerfile:1
# One image for the example shop and its sidecar:
#   docker build -t sidelight-shop:0.1.0 .
#   docker run --rm sidelight-shop:0.1.0                        the shop, on port 8000
#   docker run --rm sidelight-shop:0.1.0 sidelight sidecar ...  the sidecar, on port 9464
# For your own service, copy this file and change the lines with examples/shop.

FROM python:3.13.12-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# The compiler of the native fast path; the final image has none.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/sidelight
WORKDIR /build
# What changes rarely comes first, so that a change of code does not install all packages again.
COPY constraints.txt ./
RUN /opt/sidelight/bin/pip install -c constraints.txt \
    fastapi httpx prometheus-client python-multipart "uvicorn[standard]"
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY instrumentation instrumentation
COPY dashboards/json dashboards/json
COPY docs/runbooks docs/runbooks
COPY examples/shop examples/shop
RUN SIDELIGHT_NATIVE=1 /opt/sidelight/bin/pip install -c constraints.txt ".[sidecar,otlp]"
RUN cp -r examples/shop /opt/shop && find /opt/shop -name __pycache__ -prune -exec rm -rf {} +

FROM python:3.13.12-slim-trixie
# By number, so that Kubernetes can verify that the user is not root. The service and the sidecar
# share the directory by this group.
RUN groupadd --gid 10001 sidelight \
 && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin sidelight
COPY --from=build /opt/sidelight /opt/sidelight
COPY --from=build /opt/shop /opt/shop
ENV PATH=/opt/sidelight/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /opt/shop
USER 10001:10001
EXPOSE 8000 9464
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000", "--workers", "4", "--no-access-log"]
