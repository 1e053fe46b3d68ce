"""Times as Prometheus's API writes them."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = "0001-01-01T00:00:00Z"


def rfc3339(milliseconds: int) -> str:
    """Without zeros at the end of the fraction; never, for 0."""
    if not milliseconds:
        return NEVER
    found = _EPOCH + timedelta(milliseconds=milliseconds)
    part = f".{milliseconds % 1000:03}".rstrip("0").rstrip(".")
    return f"{found:%Y-%m-%dT%H:%M:%S}{part}Z"
