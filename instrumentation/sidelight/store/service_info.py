"""The service and the versions of a worker, published for readers in other processes."""

from dataclasses import asdict, dataclass, fields
from json import dumps, loads

TELEMETRY_FIX = 'FastAPI(telemetry={"metrics": False})'
"""The setting that leaves the metrics to Sidelight, where FastAPI sends the same."""


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """Texts for ``target_info`` and ``sidelight_build_info``, empty where unknown.

    ``fast_path`` is "native" or "python". ``telemetry`` is "metrics" where FastAPI's own telemetry
    sends the same metrics.
    """

    service_name: str = ""
    service_version: str = ""
    service_instance_id: str = ""
    version: str = ""
    python_version: str = ""
    fastapi_version: str = ""
    server: str = ""
    fast_path: str = ""
    telemetry: str = ""


def encode(info: ServiceInfo) -> bytes:
    """The information as it is stored in a file."""
    return dumps(asdict(info)).encode()


def decode(data: bytes) -> ServiceInfo:
    """The inverse of `encode`; unknown fields, and values that are no text, are left out."""
    try:
        found = loads(data)
        names = {field.name for field in fields(ServiceInfo)} & found.keys()
    except (ValueError, AttributeError, RecursionError):
        return ServiceInfo()
    return ServiceInfo(**{name: found[name] for name in names if isinstance(found[name], str)})
