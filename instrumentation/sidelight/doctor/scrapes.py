"""Checks of what a Prometheus scrapes: whether a service is scraped twice, or not at all.

Also whether its histograms have buckets: Prometheus can convert them to native histograms with
custom buckets (NHCB), https://prometheus.io/docs/specs/native_histograms/.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

from sidelight.doctor.fetch import fetch, is_url
from sidelight.doctor.finding import Finding, fail, ok, warn
from sidelight.errors import SidelightError

TIMEOUT = 5.0
DUPLICATES = "count by (service_name, service_instance_id) (target_info) > 1"
MEASURED = "count(sidelight_build_info)"
NATIVE = "count by (job) (http_server_request_duration_seconds)"
"""Only native histograms have samples without a suffix."""
NO_BUCKETS = " unless count by (job) (http_server_request_duration_seconds_bucket)"
CONVERSION = "convert_classic_histograms_to_nhcb: true"
RECORDED = "service:http_server_requests:rate5m"
"""A series that the rules of each service record."""


def check_scrapes(url: str) -> Iterator[Finding]:
    """Query the Prometheus at ``url``: only one target may show a store directory's metrics."""
    if not is_url(url):
        raise SidelightError(f"--prometheus {url!r}: for example http://127.0.0.1:9090")
    try:
        measured = _query(url, MEASURED)
        duplicates = _query(url, DUPLICATES)
        converted = _converted(url)
        recorded = _recorded(url)
    except HTTPError as error:
        yield _refused(url, error)
        return
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        what = f"Prometheus at {url} doesn't answer: {error}"
        yield fail(what, f"curl {url.rstrip('/')}/-/ready")
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
    for job in sorted(converted):
        yield fail(
            f"Prometheus converts the histograms of the job {job!r} to native ones (NHCB): rules, "
            "alerts and dashboards have no latencies, error ratios or request rates of it",
            f"always_scrape_classic_histograms: true, or no {CONVERSION}",
        )
    for job, groups in sorted(recorded.items()):
        if len(groups) > 1:
            yield warn(
                f"the job {job!r} has rules of {' and of '.join(groups)}: its series are recorded "
                "twice, so its alerts are wrong",
                f"sidelight rules build --all-jobs --except {job}",
            )
    if measured and not duplicates:
        yield ok(f"each service is scraped once by {url}")


def _converted(url: str) -> set[str]:
    """The jobs whose histograms have no buckets, because Prometheus converts them.

    A Prometheus that stores no native histograms drops what it has converted. Then only its
    configuration distinguishes that from a service without requests.
    """
    found = _query(url, NATIVE + NO_BUCKETS)
    with suppress(OSError, ValueError, KeyError, TypeError):  # Mimir, Thanos and others have none
        text = json.loads(fetch(f"{url.rstrip('/')}/api/v1/status/config", TIMEOUT))
        if CONVERSION in text["data"]["yaml"]:
            found += _query(url, "count by (job) (sidelight_build_info)" + NO_BUCKETS)
    return {series["metric"].get("job", "") for series in found}


def _recorded(url: str) -> dict[str, list[str]]:
    """The groups of rules that record the requests of each job: there should be one."""
    found: dict[str, list[str]] = {}
    with suppress(OSError, ValueError, KeyError, TypeError):  # not all stores evaluate rules
        text = json.loads(fetch(f"{url.rstrip('/')}/api/v1/rules?type=record", TIMEOUT))
        for group in text["data"]["groups"]:
            for rule in group["rules"]:
                if rule["name"] == RECORDED:
                    for series in _query(url, rule["query"]):
                        found.setdefault(series["metric"].get("job", ""), []).append(group["name"])
    return found


def _refused(url: str, error: HTTPError) -> Finding:
    what = f"{url} answers {error.code} {error.reason}"
    if error.code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        fix = "give an address that needs no login, such as http://127.0.0.1:9090 on its machine"
        return fail(f"{what}: the checks have no login", fix)
    return fail(f"{what}: it is no Prometheus", f"curl {url.rstrip('/')}/-/ready")


def _query(url: str, expression: str) -> list[dict[str, Any]]:
    address = f"{url.rstrip('/')}/api/v1/query?query={quote(expression)}"
    found: list[dict[str, Any]] = json.loads(fetch(address, TIMEOUT))["data"]["result"]
    return found
