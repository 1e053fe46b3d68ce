"""What a query was answered, in one shape for Prometheus and for actual, and how two differ."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

LabelKey = frozenset[tuple[str, str]]
Points = dict[tuple[LabelKey, int], float]
RELATIVE = 1e-9
RESIDUE = 1e-13
"""What may be left of the difference of two sums of a few units that were made in another order."""


class Answer(NamedTuple):
    """An error of a type, or values: by labels and time (ms), in the order they came in."""

    error: str = ""
    message: str = ""
    kind: str = ""
    points: Points = {}  # noqa: RUF012 a tuple's default, that nobody writes to

    def at(self, time: int) -> dict[LabelKey, float]:
        """The values of one time."""
        return {labels: value for (labels, when), value in self.points.items() if when == time}


def keyed(labels: Mapping[str, str]) -> LabelKey:
    """LabelKey as a key; one that is empty is none."""
    return frozenset((name, value) for name, value in labels.items() if value)


def of_json(answer: Any) -> Answer:
    """What Prometheus's API said."""
    if answer["status"] != "success":
        return Answer(error=answer["errorType"], message=answer["error"])
    kind, result = answer["data"]["resultType"], answer["data"]["result"]
    if kind == "string":
        return Answer(kind=kind, message=result[1])
    if kind == "scalar":
        result = [{"metric": {}, "value": result}]
    rows = [(row["metric"], row.get("values") or [row["value"]]) for row in result]
    points = (
        ((keyed(labels), round(time * 1000)), float(text))
        for labels, values in rows
        for time, text in values
    )
    return Answer(kind=kind, points=once(points))


def once(points: Iterator[tuple[tuple[LabelKey, int], float]]) -> Points:
    """Points by their keys; AssertionError where two have the same."""
    found: Points = {}
    for key, value in points:
        assert key not in found, f"answered twice: {key}"
        found[key] = value
    return found


def same(a: float, b: float) -> bool:
    """Whether two values are one: NaN is NaN, and sums may be made in another order."""
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or math.isclose(a, b, rel_tol=RELATIVE, abs_tol=RESIDUE)


def difference(expected: Answer, actual: Answer) -> str:
    """What differs, in words; "" for nothing. A message may be another: errors have types."""
    if expected.error or actual.error:
        if expected.error == actual.error:
            return ""
        return f"expected {_said(expected)}, actual {_said(actual)}"
    if expected.kind != actual.kind:
        return f"expected is a {expected.kind}, actual a {actual.kind}"
    if expected.kind == "string" and expected.message != actual.message:
        return f"expected {expected.message!r}, actual {actual.message!r}"
    return "; ".join(_differing(expected.points, actual.points))


def _said(answer: Answer) -> str:
    if answer.error:
        return f"is an error {answer.error}: {answer.message}"
    return f"has {len(answer.points)} points"


def _differing(expected: Points, actual: Points) -> Iterator[str]:
    for (labels, time), value in expected.items():
        other = actual.get((labels, time))
        if other is None or not same(value, other):
            yield f"{_shown(labels)} at {time}: expected {value!r}, actual {other!r}"
    for labels, time in actual.keys() - expected.keys():
        yield f"{_shown(labels)} at {time}: expected None, actual {actual[labels, time]!r}"


def _shown(labels: LabelKey) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels)) + "}"


def chosen_otherwise(expected: Answer, actual: Answer, among: Answer) -> bool:
    """Whether topk or bottomk only broke ties differently.

    ``among`` is what they chose from. At each time what only one side has must be the same
    values, and each of them a value that several series had.
    """
    if expected.error or actual.error or expected.kind != actual.kind:
        return False
    return all(_tied(expected, actual, among, time) for time in _times(expected) | _times(actual))


def _times(answer: Answer) -> set[int]:
    return {time for _, time in answer.points}


def _tied(expected: Answer, actual: Answer, among: Answer, time: int) -> bool:
    left, right = expected.at(time), actual.at(time)
    if any(not same(left[key], right[key]) for key in left.keys() & right.keys()):
        return False
    only_left = _counted(left[key] for key in left.keys() - right.keys())
    only_right = _counted(right[key] for key in right.keys() - left.keys())
    have = _counted(iter(among.at(time).values()))
    return only_left == only_right and all(have[value] > 1 for value in only_left)


def _counted(values: Iterator[float]) -> Counter[str]:
    return Counter(f"{value:.9e}" for value in values)
