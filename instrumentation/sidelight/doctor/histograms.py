"""Checks of how a Prometheus stores the histograms of the jobs that Sidelight measures.

Classic, native, or converted to native ones with custom buckets (NHCB):
https://prometheus.io/docs/specs/native_histograms/.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Final

from sidelight.doctor.finding import Finding, fail, ok, warn
from sidelight.doctor.prometheus import UNAVAILABLE
from sidelight.doctor.scrape_config import scrape_configs_of_jobs, scrape_options
from sidelight.doctor.scrape_options import (
    CONVERSION,
    FEATURE_FLAG,
    KEEPS_BOTH,
    SKIPS_NATIVE,
    ZERO_INGESTION,
    Kind,
    ScrapeOptions,
)
from sidelight.doctor.stored_histograms import DURATION, SERVED, jobs_of, stored_kinds

SETTING: Final = "SIDELIGHT_NATIVE_HISTOGRAMS=1"
"""What adds native buckets to the histograms of a service or of a sidecar."""
INSTALL: Final = "pip install 'sidelight[rules]'"
KEEP: Final = "always_scrape_classic_histograms: true"
NOT_CONVERTED: Final = f"{KEEP}, or no {CONVERSION}: true"
ELSEWHERE: Final = "docs/histograms.md says what keeps classic ones, also of what OTLP sends"
"""The job is none that Prometheus scrapes, or its options are not known."""
LOST: Final = "rules and alerts have no latencies, error ratios or request rates of it"
NEEDS_CLASSIC: Final = "percentiles, mean phases and upstreams in the dashboards have no data of it"


def check_histograms(url: str, jobs: Collection[str]) -> Iterator[Finding]:
    """What Prometheus stores of each job, and what it would store of native histograms.

    Raises as `query` does.
    """
    kinds, served = stored_kinds(url), jobs_of(url, SERVED)
    options: Mapping[str, ScrapeOptions] = {}
    try:
        options = scrape_options(url)
    except ModuleNotFoundError:
        yield warn("the configuration of Prometheus is not checked: there is no PyYAML", INSTALL)
    except UNAVAILABLE:
        pass
    yield from (_refused(name) for name, one in options.items() if one.is_refused)
    names = _names(url)
    for job in sorted(jobs):
        found = [options.get(name) for name in names.get(job, [job])]
        results = (_of_job(job, kinds.get(job, set()), one, job in served) for one in found)
        yield from dict.fromkeys(results)


def _names(url: str) -> dict[str, list[str]]:
    with suppress(*UNAVAILABLE):
        return scrape_configs_of_jobs(url)
    return {}


def _refused(name: str) -> Finding:
    return fail(
        f"Prometheus refuses the targets of the job {name!r}: before version 3.8 it can't both "
        "convert histograms (NHCB) and ingest zeros at start timestamps",
        f"no {CONVERSION}: true, or --enable-feature without {ZERO_INGESTION}",
    )


def _of_job(
    job: str,
    kinds: Collection[Kind],
    options: ScrapeOptions | None,
    served: bool,  # noqa: FBT001 a row of what is known
) -> Finding:
    """The most severe finding about a job; without its configuration, about its series only."""
    if not kinds:
        return _nothing(job, options, served=served)
    if options is not None and options.stores_native and options.server.version < KEEPS_BOTH:
        return _never_both(job, options)
    if "classic" not in kinds:
        return _no_classic(job, kinds, options)
    if options is not None and _loses_native(options):
        return warn(
            f"the job {job!r} asks for protobuf, and Prometheus stores no native histograms: with "
            f"{SETTING} its histograms would vanish without a log line",
            _line_to_keep(options),
        )
    return ok(
        f"the job {job!r} has {' and '.join(sorted(kinds))} histograms{_more(kinds, options)}"
    )


def _nothing(job: str, options: ScrapeOptions | None, *, served: bool) -> Finding:
    """Why no histogram of a job is stored."""
    if options is not None and not options.stored(native=False):
        what = f"Prometheus converts the histograms of the job {job!r} to native ones (NHCB)"
        return fail(f"{what}, and stores none: {LOST}", NOT_CONVERTED)
    if not served:
        return ok(f"the job {job!r} has no histograms yet: it has served no request")
    if options is not None and _loses_native(options):
        what = f"the job {job!r} asks for protobuf, and Prometheus drops its native histograms"
        return fail(f"{what}: {LOST}", _line_to_keep(options))
    what = f"no histogram of the job {job!r} arrives: {LOST}"
    return fail(what, f"keep {DURATION}.* in metric_relabel_configs")


def _never_both(job: str, options: ScrapeOptions) -> Finding:
    return warn(
        f"Prometheus {options.server.name} stores native histograms of the job {job!r} without "
        "classic ones, and drops what rules record of them off and on",
        f"no {SETTING}, or Prometheus 3.5 or later",
    )


def _no_classic(job: str, kinds: Collection[Kind], options: ScrapeOptions | None) -> Finding:
    what, fix = f"the job {job!r} has native histograms only", KEEP
    if "NHCB" in kinds:
        what = f"the histograms of the job {job!r} are converted to native ones (NHCB)"
        fix = NOT_CONVERTED
    return warn(f"{what}: {NEEDS_CLASSIC}", fix if options else ELSEWHERE)


def _loses_native(options: ScrapeOptions) -> bool:
    """Whether histograms are stored now, and would not be once they have native buckets."""
    return bool(options.stored(native=False)) and not options.stored(native=True)


def _line_to_keep(options: ScrapeOptions) -> str:
    """With this line, no histogram with native buckets is lost."""
    if options.server.version < SKIPS_NATIVE:
        return FEATURE_FLAG
    return f"{options.server.keep_classic}: true, or {FEATURE_FLAG}"


def _more(kinds: Collection[Kind], options: ScrapeOptions | None) -> str:
    """How it could have native ones as well."""
    if options is None or "native" in kinds or options.server.version < KEEPS_BOTH:
        return ""
    lines = options.lines_for_both()
    return f"; for native ones too: {', '.join([*lines, SETTING])}"
