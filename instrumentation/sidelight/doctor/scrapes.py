"""Checks of what a Prometheus scrapes: whether a service is scraped twice, or not at all."""

from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

from sidelight.doctor.fetch import is_url
from sidelight.doctor.finding import Finding, fail, ok, warn
from sidelight.doctor.histograms import check_histograms
from sidelight.doctor.loaded_rules import RECORDED, LoadedRules, check_rules, jobs, rule_groups
from sidelight.doctor.prometheus import UNAVAILABLE, api, query
from sidelight.errors import SidelightError

DUPLICATES = "count by (service_name, service_instance_id) (target_info) > 1"
MEASURED = "sidelight_build_info"
MOST_TARGETS = 5


def check_scrapes(url: str) -> Iterator[Finding]:
    """Query the Prometheus at ``url``: only one target may show a store directory's metrics."""
    if not is_url(url):
        raise SidelightError(f"--prometheus {url!r}: for example http://127.0.0.1:9090")
    try:
        measured = jobs(url, names=MEASURED)
        duplicates = query(url, DUPLICATES)
        histograms = list(check_histograms(url, measured))
        groups = _rule_groups(url)
        recorded = jobs(url, names=RECORDED)
    except HTTPError as error:
        yield _refused(url, error)
        return
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        what = f"Prometheus at {url} doesn't answer: {error}"
        yield fail(what, f"curl {url.rstrip('/')}/-/ready")
        return
    if not measured:
        what = f"Prometheus at {url} scrapes no /metrics of Sidelight"
        yield fail(what, "add the address of the sidecar, or of the service, to static_configs")
    yield from map(_duplicate, duplicates)
    yield from histograms
    if groups is not None:
        yield from check_rules(groups, [job for job in measured if job not in recorded])
    if not measured or any(not group.jobs for group in groups or ()):
        yield from _down(url)
    if measured and not duplicates:
        yield ok(f"each service is scraped once by {url}")


def _duplicate(series: dict[str, Any]) -> Finding:
    """What is wrong with a service that several targets show."""
    return warn(
        f"{series['metric'].get('service_name')} is scraped by {series['value'][1]} targets that "
        "show the same workers: every sum is that many times too high",
        "scrape the sidecar only, or one address of the service only",
    )


def _rule_groups(url: str) -> list[LoadedRules] | None:
    """The groups that record requests; None where the store does not tell."""
    with suppress(*UNAVAILABLE):
        return rule_groups(url)
    return None


def _down(url: str) -> Iterator[Finding]:
    """The first targets that do not answer, each with what Prometheus says of it."""
    targets = []
    with suppress(*UNAVAILABLE):
        targets = [
            warn(
                f"the target {one['scrapeUrl']} of the job {one['scrapePool']!r} is down: "
                f"{one['lastError']}",
                "compare its port and token with those of the sidecar (9464) or of the service",
            )
            for one in api(url, "targets?state=active")["activeTargets"]
            if one["health"] == "down"
        ]
    yield from targets[:MOST_TARGETS]


def _refused(url: str, error: HTTPError) -> Finding:
    what = f"{url} answers {error.code} {error.reason}"
    if error.code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        fix = "give an address that needs no login, such as http://127.0.0.1:9090 on its machine"
        return fail(f"{what}: the checks have no login", fix)
    return fail(f"{what}: it is no Prometheus", f"curl {url.rstrip('/')}/-/ready")
