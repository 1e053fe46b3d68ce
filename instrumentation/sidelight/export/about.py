"""What the info metrics say: the service's resource attributes, and the versions in use."""

import os
import platform
import socket
import uuid
from collections.abc import Mapping
from functools import lru_cache
from importlib import metadata
from urllib.parse import unquote

from sidelight.settings import Settings
from sidelight.store import supervisor
from sidelight.store.local import Store


@lru_cache
def version(package: str) -> str:
    """An installed package's version; empty without it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def build_labels() -> tuple[str, ...]:
    """Labels of ``sidelight_build_info``."""
    return version("sidelight"), platform.python_version(), version("fastapi"), supervisor.server()


def target_labels(
    settings: Settings, store: Store, environ: Mapping[str, str] = os.environ
) -> tuple[str, ...]:
    """Labels of ``target_info``: service name, version, and one instance id a directory.

    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    """
    attributes = _attributes(environ.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    name = settings.service or environ.get("OTEL_SERVICE_NAME") or attributes.get("service.name")
    instance = attributes.get("service.instance.id") or _instance(store)
    return name or "unknown_service", attributes.get("service.version", ""), instance


def _attributes(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(",") if "=" in part)
    return {unquote(key.strip()): unquote(value.strip()) for key, _, value in pairs}


def _instance(store: Store) -> str:
    where = store.directory
    if where is None:
        return str(uuid.UUID(bytes=store.file.id))
    inode = os.fstat(where.fd).st_ino
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{socket.gethostname()} {where.path} {inode}"))
