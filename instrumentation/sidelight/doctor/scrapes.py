"""What a Prometheus sees: is one service scraped twice, or not at all."""

import json
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

from sidelight.doctor.finding import Finding, fail, ok, warn
from sidelight.errors import SidelightError

SECONDS = 5.0
TARGETS = "count by (service_name, service_instance_id) (target_info) > 1"
SEEN = "count(sidelight_build_info)"


def check_scrapes(url: str) -> Iterator[Finding]:
    """Ask a Prometheus at ``url``. One directory's numbers must come by one target only."""
    try:
        seen = _query(url, SEEN)
        doubled = _query(url, TARGETS)
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        yield fail(f"Prometheus at {url} doesn't answer: {error}", "curl URL/-/ready")
        return
    if not seen:
        yield fail(f"Prometheus at {url} scrapes no Sidelight page", "add the service's /metrics")
    for series in doubled:
        labels = series["metric"]
        yield warn(
            f"{labels.get('service_name')} is scraped by {series['value'][1]} targets that show "
            "the same workers: every sum is that many times too high",
            "scrape the sidecar only, or one address of the service only",
        )
    if seen and not doubled:
        yield ok(f"each service is scraped once by {url}")


def _query(url: str, expression: str) -> list[dict[str, Any]]:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise SidelightError(f"--prometheus {url!r}: for example http://127.0.0.1:9090")
    address = f"{url.rstrip('/')}/api/v1/query?query={quote(expression)}"
    with urlopen(address, timeout=SECONDS) as answer:  # noqa: S310 the scheme is checked above
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return found
