"""Checks of the rules that a Prometheus evaluates: each measured job should have them once."""

import re
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from sidelight.doctor.finding import Finding, warn
from sidelight.doctor.prometheus import api, query

RECORDED = "service:http_server_requests:rate5m"
"""A series that the rules of each service record."""

MEASURED = "count by (job) ({{__name__=~'{names}'{matchers}}})"
DURATIONS = "http_server_request_duration_seconds(_count)?"
"""Native histograms have no suffix."""
NAMES = f"sidelight_build_info|{DURATIONS}"
SELECTOR = re.compile(r"route:http_server_requests:rate5m\{(.*)\}\)?$")
REJECTS = re.compile(r"![=~]")


class LoadedRules(NamedTuple):
    """A group that records the requests of the jobs which its matchers select."""

    name: str
    matchers: str
    jobs: list[str]


def rule_groups(url: str) -> list[LoadedRules]:
    """The groups that record requests. Raises as `api` does where the store evaluates no rules."""
    return [
        LoadedRules(group["name"], matchers, jobs(url, matchers))
        for group in api(url, "rules?type=record")["groups"]
        for rule in group["rules"]
        if rule["name"] == RECORDED
        for matchers in [_matchers(rule)]
    ]


def jobs(url: str, matchers: str = "", names: str = NAMES) -> list[str]:
    """The jobs that have requests, of those that matchers select."""
    expression = MEASURED.format(names=names, matchers=f",{matchers}" if matchers else "")
    return sorted(series["metric"].get("job", "") for series in query(url, expression))


def check_rules(groups: Collection[LoadedRules], unrecorded: Collection[str]) -> Iterator[Finding]:
    """Findings about jobs with rules of two groups or of none, and rules without a job.

    ``unrecorded`` are the jobs that Sidelight measures and of which nothing is recorded yet.
    """
    for job in sorted({job for group in groups for job in group.jobs}):
        names = [group.name for group in groups if job in group.jobs]
        if len(names) > 1:
            yield warn(
                f"the job {job!r} has rules of {' and of '.join(names)}: its series are recorded "
                "twice, so its alerts are wrong",
                f"sidelight rules build --all-jobs --except {job}",
            )
    for group in groups:
        if not group.jobs and group.matchers and not REJECTS.search(group.matchers):
            yield warn(
                f"the rules of {group.name} select {{{group.matchers}}}, which no target that "
                "answers has: their alerts are about nothing",
                "give job_name in prometheus.yml the name that service has in sidelight.toml",
            )
    for job in unrecorded:
        if not any(job in group.jobs for group in groups):
            yield warn(
                f"the job {job!r} has no rules: none of its alerts can fire, and dashboards lack "
                "what rules record",
                f'service = "{job}" in sidelight.toml, sidelight rules build --output FILE, and '
                "FILE in rule_files of prometheus.yml",
            )


def _matchers(rule: dict[str, Any]) -> str:
    """What its query selects, as it is written between braces."""
    found = SELECTOR.search(rule["query"])
    return found[1] if found else ""
