"""The report as one screen of sentences, each with its query below it."""

import time
from collections.abc import Iterator
from typing import Final

from sidelight.why.figures import duration, number, percent
from sidelight.why.report import Figure, Report, Sentence

MOST: Final = 10
"""Sentences on the screen: those of the first causes, and of what changed."""
OF_CAUSES: Final = 6


def _rate(value: float | None) -> str:
    return f"{number(value)}/s"


FORMS: Final = {"ratio": percent, "seconds": duration, "per second": _rate}


def screen(report: Report) -> list[Sentence]:
    """The sentences of the screen, in order."""
    found = [_headline(report)]
    causes = list(_causes(report))
    found += causes[:OF_CAUSES]
    found += _next_step(report)
    if not report.causes:
        found += [_figure(one, report.ago) for one in report.checked]
    found += report.changes
    found += [Sentence(f"Not known: {text}.") for text in report.unknown]
    return found[:MOST]


def _headline(report: Report) -> Sentence:
    names = ", ".join(report.services) or "the service"
    if report.state == "ok":
        return Sentence(f"Nothing is wrong with {names}.")
    if report.state == "unknown":
        return Sentence("What is wrong is not known.")
    alerts = sorted({one.name for one in report.alerts})
    verb = "fires" if len(alerts) == 1 else "fire"
    firing = f"{', '.join(alerts)} {verb}" if alerts else "no alert fires"
    return Sentence(
        f"{names}: {report.state}{_since(report)}; {firing}.",
        'ALERTS{alertstate="firing"}' if alerts else "",
    )


def _since(report: Report) -> str:
    if report.since is None:
        return ""
    clock = time.strftime("%H:%M:%S", time.localtime(report.since))
    return f" since {clock} ({duration(report.at - report.since)})"


def _causes(report: Report) -> Iterator[Sentence]:
    for cause in report.causes:
        yield from cause.sentences


def _next_step(report: Report) -> list[Sentence]:
    steps = [cause.next_step for cause in report.causes if cause.next_step]
    return [Sentence(f"Next: {steps[0]}")] if steps else []


def _figure(one: Figure, ago: str) -> Sentence:
    form = FORMS[one.unit]
    past = "" if one.before is None else f"; {ago} {form(one.before)}"
    return Sentence(f"{one.service}: {one.name} {form(one.value)}{past}.", one.query)
