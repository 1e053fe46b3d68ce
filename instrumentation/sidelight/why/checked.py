"""What was checked: the figures of each service, now and an hour before."""

from collections.abc import Iterator
from typing import Final

from sidelight.why.answers import Answers, ratio
from sidelight.why.report import Figure

FIGURES: Final = (
    ("requests", "requests", "", "per second"),
    ("failed requests", "failed", "requests", "ratio"),
    ("slow requests", "slow", "requests", "ratio"),
    ("mean duration", "time", "requests", "seconds"),
    ("99th percentile", "p99", "", "seconds"),
    ("waiting for the event loop", "queued", "time", "ratio"),
)
"""The name of a figure, its question, the question it is divided by, and its unit."""


def checked(answers: Answers) -> Iterator[Figure]:
    """What was checked of each service: its rates and ratios, now and an hour before."""
    for one in answers.now("requests"):
        job = {"job": one.labels.get("job", "")}
        service = job["job"]
        for name, part, whole, unit in FIGURES:
            now, before = (
                ratio(value(part, job), value(whole, job)) if whole else value(part, job)
                for value in (answers.value, answers.value_before)
            )
            query = f"{answers.text(part)} / {answers.text(whole)}" if whole else answers.text(part)
            yield Figure(name, service, now, before, unit, query)
