"""The service that a process belongs to, by OpenTelemetry's variables, and its versions.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import os
import platform
from collections.abc import Mapping
from functools import lru_cache
from importlib import metadata
from urllib.parse import unquote

from sidelight.environ_text import utf8
from sidelight.settings import Settings
from sidelight.store import supervisor
from sidelight.store.service_info import ServiceInfo


@lru_cache
def version(package: str) -> str:
    """An installed package's version; empty without it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def about(
    settings: Settings,
    instance: str,
    *,
    fast_path: str = "",
    telemetry: str = "",
    environ: Mapping[str, str] = os.environ,
) -> ServiceInfo:
    """This process; ``instance`` is the service's instance where the environment names none."""
    attributes = resource(environ)
    return ServiceInfo(
        service_name=settings.service or attributes.get("service.name", ""),
        service_version=settings.service_version or attributes.get("service.version", ""),
        service_instance_id=attributes.get("service.instance.id", instance),
        version=version("sidelight"),
        python_version=platform.python_version(),
        fastapi_version=version("fastapi"),
        server=supervisor.server(),
        fast_path=fast_path,
        telemetry=telemetry,
    )


def resource(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Resource attributes from ``OTEL_RESOURCE_ATTRIBUTES`` and ``OTEL_SERVICE_NAME``."""
    text = _text(environ.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    pairs = (part.partition("=") for part in text.split(",") if "=" in part)
    found = {unquote(key.strip()): unquote(value.strip()) for key, _, value in pairs}
    if name := environ.get("OTEL_SERVICE_NAME"):
        found["service.name"] = _text(name)
    return found


def _text(value: str) -> str:
    """A value as UTF-8; each byte that is not is replaced, so that a label can have it."""
    return utf8(value).encode("utf-8", "replace").decode()
