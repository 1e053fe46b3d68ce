"""Whether what is wrong comes from one version, or from one instance of several."""

from typing import Final, NamedTuple

from sidelight.why.answers import Answers, ratio
from sidelight.why.figures import duration, percent
from sidelight.why.report import Cause, Sentence
from sidelight.why.source import Labels, Sample

TIMES: Final = 3.0
"""How many times as high as that of all others together the ratio of one must be."""
LEAST: Final = 0.5
"""The share of all failures, or of all time, that the one must have."""


class Origin(NamedTuple):
    """A kind of origin: the label that names it, and how a sentence calls it."""

    kind: str
    label: str


ORIGINS: Final = (Origin("version", "service_version"), Origin("instance", "instance"))


def with_origin(cause: Cause, answers: Answers, what: str) -> Cause:
    """The cause, of the kind ``version`` or ``instance`` where one of several has it alone.

    ``what`` is ``failed`` or ``time``.
    """
    job = {"job": cause.labels.get("job", "")}
    for origin in ORIGINS:
        rows = answers.now(f"{what}_by_{origin.kind}", job)
        worst = _worst(answers, origin, rows)
        if worst is not None:
            name = worst.labels.get(origin.label, "")
            text = _text(answers, origin, worst, rows, what)
            return cause.says(
                Sentence(text, answers.text(f"{what}_by_{origin.kind}")),
                kind=origin.kind,
                labels={**cause.labels, origin.label: name},
            )
    return cause


def _requests(answers: Answers, origin: Origin, labels: Labels) -> float:
    name = f"requests_by_{origin.kind}"
    same = (one for one in answers.now(name) if dict(one.labels) == dict(labels))
    return sum(one.value for one in same)


def _worst(answers: Answers, origin: Origin, rows: list[Sample]) -> Sample | None:
    """The one whose ratio is far above that of all others together, and that has most of it."""
    busy = [row for row in rows if _requests(answers, origin, row.labels) > 0]
    if len(busy) < 2:  # noqa: PLR2004 one has nothing to differ from
        return None
    worst = max(busy, key=lambda row: row.value / _requests(answers, origin, row.labels))
    mine, others = _ratios(answers, origin, worst, busy)
    most = worst.value >= LEAST * sum(row.value for row in busy)
    return worst if most and mine > TIMES * others else None


def _ratios(
    answers: Answers, origin: Origin, one: Sample, rows: list[Sample]
) -> tuple[float, float]:
    rest = [row for row in rows if row is not one]
    requests = sum(_requests(answers, origin, row.labels) for row in rest)
    others = ratio(sum(row.value for row in rest), requests) or 0
    return one.value / _requests(answers, origin, one.labels), others


def _text(answers: Answers, origin: Origin, one: Sample, rows: list[Sample], what: str) -> str:
    mine, others = _ratios(answers, origin, one, rows)
    name = one.labels.get(origin.label) or "(without a name)"
    rest = f"the other {len(rows) - 1}" if len(rows) > 2 else "the other"  # noqa: PLR2004 one is left
    if what == "failed":
        return (
            f"It is the {origin.kind} {name}: {percent(mine)} of its requests fail, and "
            f"{percent(others)} of those of {rest}."
        )
    return (
        f"It is the {origin.kind} {name}: its requests take {duration(mine)} on average, and "
        f"those of {rest} {duration(others)}."
    )
