"""What a Prometheus says of itself: version, features, and the options of each of its jobs."""

import re
from typing import Any

from sidelight.doctor.prometheus import api
from sidelight.doctor.scrape_options import PrometheusServer, ScrapeOptions

NUMBERS = re.compile(r"(\d+)\.(\d+)")
FLAG = "enable-feature"


def scrape_options(url: str) -> dict[str, ScrapeOptions]:
    """The options of each scrape configuration, by its ``job_name``.

    Raises as `api` does where the store has no such addresses, and `ModuleNotFoundError` without
    PyYAML.
    """
    import yaml  # noqa: PLC0415 the rest works without PyYAML

    text = api(url, "status/config")["yaml"]
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C it takes a tenth of the time
    try:
        found = dict(yaml.load(text, loader) or {})  # noqa: S506 both loaders are safe
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"its configuration can't be read: {error}") from error
    server = _server(url)
    return {
        one["job_name"]: ScrapeOptions(server, one) for one in found.get("scrape_configs") or ()
    }


def scrape_configs_of_jobs(url: str) -> dict[str, list[str]]:
    """The names of the scrape configurations whose targets have a label ``job``, by that label.

    They differ where targets are relabelled, as the Prometheus operator does it.
    """
    found: dict[str, set[str]] = {}
    for target in api(url, "targets?state=active")["activeTargets"]:
        found.setdefault(target["labels"].get("job", ""), set()).add(target["scrapePool"])
    return {job: sorted(names) for job, names in found.items()}


def _server(url: str) -> PrometheusServer:
    flags: dict[str, Any] = api(url, "status/flags")
    numbers = NUMBERS.match(api(url, "status/buildinfo")["version"])
    if numbers is None:
        raise ValueError("its version is unknown")
    major, minor = numbers.groups()
    return PrometheusServer((int(major), int(minor)), frozenset(flags[FLAG].split(",")))
