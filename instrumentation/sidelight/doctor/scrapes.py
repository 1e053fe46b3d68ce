"""Checks of what a Prometheus scrapes: whether a service is scraped twice, or not at all."""

import json
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any
from urllib.parse import quote

from sidelight.doctor.fetch import fetch, is_url
from sidelight.doctor.finding import Finding, fail, ok, warn
from sidelight.errors import SidelightError

TIMEOUT = 5.0
DUPLICATES = "count by (service_name, service_instance_id) (target_info) > 1"
MEASURED = "count(sidelight_build_info)"


def check_scrapes(url: str) -> Iterator[Finding]:
    """Query the Prometheus at ``url``: only one target may show a store directory's metrics."""
    if not is_url(url):
        raise SidelightError(f"--prometheus {url!r}: for example http://127.0.0.1:9090")
    try:
        measured = _query(url, MEASURED)
        duplicates = _query(url, DUPLICATES)
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        yield fail(f"Prometheus at {url} doesn't answer: {error}", "curl URL/-/ready")
        return
    if not measured:
        what = f"Prometheus at {url} scrapes no /metrics of Sidelight"
        yield fail(what, "add the service's /metrics")
    for series in duplicates:
        labels = series["metric"]
        yield warn(
            f"{labels.get('service_name')} is scraped by {series['value'][1]} targets that show "
            "the same workers: every sum is that many times too high",
            "scrape the sidecar only, or one address of the service only",
        )
    if measured and not duplicates:
        yield ok(f"each service is scraped once by {url}")


def _query(url: str, expression: str) -> list[dict[str, Any]]:
    address = f"{url.rstrip('/')}/api/v1/query?query={quote(expression)}"
    found: list[dict[str, Any]] = json.loads(fetch(address, TIMEOUT))["data"]["result"]
    return found
