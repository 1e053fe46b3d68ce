"""Where the requests of a route wait: the line of the user's code, and the call below it."""

from typing import Final

from sidelight.why.answers import Answers, ratio, total
from sidelight.why.figures import percent, route
from sidelight.why.report import Cause, Code, Sentence
from sidelight.why.source import Sample

LEAST: Final = 0.25
"""A line with a smaller share of a route's time does not explain it."""


def with_line(cause: Cause, answers: Answers, kind: str = "") -> Cause:
    """The cause with the line at which its route waits most, if that is known, as this ``kind``."""
    line = _line(cause, answers)
    code = Code.of(line.labels) if line else None
    if line is None or code is None:
        return cause
    lines = total(_rows(cause, answers, "wait_lines"))
    awaited = line.labels.get("awaited", "")
    text = (
        f"Of the time that {route(cause.labels)} waits, {percent(ratio(line.value, lines))} is at "
        f"{code}" + (f", for {awaited}." if awaited else ".")
    )
    sentence = Sentence(text, answers.text("wait_lines"))
    return cause.says(sentence, code=code, awaited=awaited or None, kind=kind or cause.kind)


def with_phase(cause: Cause, answers: Answers) -> Cause:
    """The cause with the phase that takes most of its route's time, of the kind ``work``."""
    rows = _rows(cause, answers, "phases")
    if not rows:
        return cause
    share, phase = ratio(rows[0].value, total(rows)), rows[0].labels.get("phase", "")
    text = f"{percent(share)} of the time of its sampled requests is in the phase {phase}."
    return cause.says(Sentence(text, answers.text("phases")), kind="work")


def _line(cause: Cause, answers: Answers) -> Sample | None:
    """The longest wait of the route, if it is a large part of its time."""
    rows = _rows(cause, answers, "wait_lines")
    time = total(answers.now("time_by_route", cause.labels))
    if not rows or (time and rows[0].value < LEAST * time):
        return None
    return rows[0]


def _rows(cause: Cause, answers: Answers, name: str) -> list[Sample]:
    """Exactly those of the route: a missing label is the empty route."""
    template = cause.labels.get("http_route", "")
    found = answers.now(name, {"job": cause.labels.get("job", "")})
    return [row for row in found if row.labels.get("http_route", "") == template]
