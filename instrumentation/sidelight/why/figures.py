"""Figures as sentences have them."""

from collections.abc import Mapping

from sidelight.why.source import Labels

MINUTE, HOUR, DAY = 60, 3600, 86_400
GROUPED = 1000
"""Numbers from here on are written in whole, with commas."""


def percent(share: float | None) -> str:
    """A share of 1 with three digits; a question mark where it is not known."""
    return "?" if share is None else f"{share * 100:.3g} %"


def duration(seconds: float | None) -> str:
    """A duration with three digits, in the unit that suits it."""
    if seconds is None:
        return "?"
    for unit, name in ((DAY, "days"), (HOUR, "h"), (MINUTE, "min"), (1, "s")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds * 1000:.3g} ms"


def number(value: float | None) -> str:
    """A number with three digits."""
    return "?" if value is None else f"{value:,.0f}" if value >= GROUPED else f"{value:.3g}"


def size(given: float) -> str:
    """Bytes with four digits, in the unit that suits them."""
    for power, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if given >= 1 << power:
            return f"{given / (1 << power):.4g} {unit}"
    return f"{given:.4g} B"


def events(value: float) -> str:
    """A number of events, whole: what Prometheus extrapolates is a little more or less."""
    return f"{value:,.0f}"


FORMS = {"percent": percent, "seconds": duration, "number": number, "events": events}


def route(labels: Labels) -> str:
    """A route with its method, where that is known."""
    template = labels.get("http_route", "")
    method = labels.get("http_request_method", "")
    return f"{method} {template or '(no route)'}".strip()


def named(labels: Labels, value: str) -> Mapping[str, str]:
    """The values that a sentence of `sidelight.why.conditions` names."""
    known = {**labels, "route": route(labels), "value": value}
    port = labels.get("server_port")
    known["server"] = labels.get("server_address", "?") + (f":{port}" if port else "")
    known["origin"] = labels.get("collector") or labels.get("where") or "?"
    return Unnamed(known)


class Unnamed(dict[str, str]):
    """A label that a series does not have is a question mark."""

    def __missing__(self, _: str) -> str:
        return "?"
