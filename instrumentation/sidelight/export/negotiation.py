"""Content negotiation for the metrics (RFC 9110, section 12)."""

from sidelight.text_format import ExpositionFormat


def wanted_format(accept: str) -> ExpositionFormat:
    """The format a client prefers. Text 0.0.4 where it names none, or none that is supported."""
    text = openmetrics = 0.0
    for part in accept.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = _quality(parameters)
        version = dict(p.split("=", 1) for p in parameters if "=" in p).get("version", "")
        if media == "application/openmetrics-text" and version in {"", "1.0.0", "0.0.1"}:
            openmetrics = max(openmetrics, quality)
        elif media in {"text/plain", "text/*", "*/*"} and version in {"", "0.0.4"}:
            text = max(text, quality)
    return ExpositionFormat.OPENMETRICS if openmetrics > text else ExpositionFormat.TEXT


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether a client accepts gzip."""
    found = {}
    for part in accept_encoding.split(","):
        coding, *parameters = (piece.strip().lower() for piece in part.split(";"))
        found[coding] = _quality(parameters)
    return found.get("gzip", found.get("*", 0.0)) > 0


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
