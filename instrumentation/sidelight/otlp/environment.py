"""Where metrics are sent and how often, by the environment variables of OpenTelemetry.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/ and
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/. An empty
variable counts as one that is not set.
"""

from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from sidelight.errors import SettingsError

PATH = "/v1/metrics"
BASE = "OTEL_EXPORTER_OTLP_ENDPOINT"
COMPLETE = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
INTERVAL = "OTEL_METRIC_EXPORT_INTERVAL"
TIMEOUTS = "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"
COMPRESSIONS = "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"
PROTOCOLS = "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"
PROTOCOL = "http/protobuf"
"""The only protocol that is supported."""
AGGREGATION = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
EXPLICIT, EXPONENTIAL = "explicit_bucket_histogram", "base2_exponential_bucket_histogram"
KNOWN_COMPRESSIONS = frozenset({"none", "gzip", "deflate"})
LOCAL = "http://localhost:4318"
GRPC_PORT = 4317


def url(endpoint: str | None, environ: Mapping[str, str]) -> str:
    """The complete address. Raises `SettingsError`.

    ``endpoint`` is a base address, or a complete one if it ends in ``/v1/metrics``. Without it
    the variables decide: the one for metrics is complete, the other one a base.
    """
    if endpoint:
        return _below(_checked("otlp", endpoint))
    if complete := environ.get(COMPLETE):
        return _checked(COMPLETE, complete).geturl()
    return _below(_checked(BASE, environ.get(BASE) or LOCAL))


def _below(base: SplitResult) -> str:
    path = base.path.rstrip("/")
    return base._replace(path=path if path.endswith(PATH) else path + PATH).geturl()


def _checked(key: str, given: str) -> SplitResult:
    example = f"{key}={LOCAL}{PATH if key == COMPLETE else ''}"
    try:
        parts = urlsplit(given.strip())
        known = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise SettingsError(key, given, "must be an http or https address", example)
    return parts


def without_secrets(address: str) -> str:
    """An address for a log: without its password, and without a query that may contain one."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()


def period(environ: Mapping[str, str]) -> float:
    """Seconds between two exports. Raises `SettingsError`."""
    return _positive(INTERVAL, environ.get(INTERVAL) or "60000", "milliseconds", "60000") / 1000


def exponential(environ: Mapping[str, str]) -> bool:
    """Whether histograms are exponential where they can be. Raises `SettingsError`."""
    given = environ.get(AGGREGATION) or EXPLICIT
    aggregation = given.strip().lower()
    if aggregation not in {EXPLICIT, EXPONENTIAL}:
        problem = f"must be {EXPLICIT} or {EXPONENTIAL}"
        raise SettingsError(AGGREGATION, given, problem, f"{AGGREGATION}={EXPONENTIAL}")
    return aggregation == EXPONENTIAL


def check(environ: Mapping[str, str]) -> None:
    """Check values that the SDK fails on, ignores, or silently replaces. Raises `SettingsError`.

    The SDK for Python takes timeouts in seconds, not in the specification's milliseconds.
    """
    for key in TIMEOUTS:
        _positive(key, environ.get(key) or "10", "seconds", "10")
    for key in COMPRESSIONS:
        given = environ.get(key) or "none"
        if given.strip().lower() not in KNOWN_COMPRESSIONS:
            raise SettingsError(key, given, "must be gzip, deflate or none", f"{key}=gzip")
    _check_protocol(environ)


def _check_protocol(environ: Mapping[str, str]) -> None:
    """Refuse any other protocol: HTTP would be sent to the port of that one."""
    key = next((key for key in PROTOCOLS if environ.get(key)), PROTOCOLS[0])
    given = environ.get(key) or PROTOCOL
    if given.strip().lower() != PROTOCOL:
        problem = f"is not supported: metrics are sent as {PROTOCOL}"
        example = f"{PROTOCOLS[0]}={PROTOCOL} with {COMPLETE}={LOCAL}{PATH}"
        raise SettingsError(key, given, problem, example)


def hint(address: str) -> str:
    """Why an address may be wrong; empty without a reason."""
    if urlsplit(address).port == GRPC_PORT:
        return f" (port {GRPC_PORT} usually expects gRPC, and 4318 HTTP, which is sent)"
    return ""


def _positive(key: str, given: str, unit: str, example: str) -> int:
    try:
        number = int(given)
    except ValueError:
        number = 0
    if number <= 0:
        problem = f"must be a whole number of {unit} above 0"
        raise SettingsError(key, given, problem, f"{key}={example}")
    return number
