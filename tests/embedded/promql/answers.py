"""Answers of Prometheus and of the engine in one form, and their differences."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

LabelKey = frozenset[tuple[str, str]]
RELATIVE = 1e-9
RESIDUE = 1e-13
"""The difference that numbers may have that were not rounded at the same places."""


class HistogramAnswer(NamedTuple):
    """A native histogram in the HTTP API: each bucket is its kind, its ends and its count."""

    observations: float
    sum: float
    buckets: tuple[tuple[float, ...], ...]

    @property
    def kinds(self) -> list[float]:
        """The kinds of the buckets."""
        return [kind for kind, *_ in self.buckets]

    @property
    def numbers(self) -> list[float]:
        """All numbers."""
        return [
            self.observations,
            self.sum,
            *(number for bucket in self.buckets for number in bucket),
        ]


Value = float | HistogramAnswer
Points = dict[tuple[LabelKey, int], Value]


class Answer(NamedTuple):
    """An error, or values by labels and time (ms) in the order of the answer.

    ``annotations``: the infos and warnings; None if the server has none.
    """

    error: str = ""
    message: str = ""
    kind: str = ""
    points: Points = {}  # noqa: RUF012 a tuple's default, which is never written
    annotations: frozenset[str] | None = None

    def at(self, time: int) -> dict[LabelKey, Value]:
        """Return the values of one time."""
        return {labels: value for (labels, when), value in self.points.items() if when == time}


def keyed(labels: Mapping[str, str]) -> LabelKey:
    """Return labels, without empty ones, as a key."""
    return frozenset((name, value) for name, value in labels.items() if value)


def of_json(answer: Any) -> Answer:
    """Convert a response of the HTTP API."""
    if answer["status"] != "success":
        return Answer(error=answer["errorType"], message=answer["error"])
    kind, result = answer["data"]["resultType"], answer["data"]["result"]
    found = frozenset((*answer.get("infos", ()), *answer.get("warnings", ())))
    if kind == "string":
        return Answer(kind=kind, message=result[1], annotations=found)
    if kind == "scalar":
        result = [{"metric": {}, "value": result}]
    points = (
        ((keyed(row["metric"]), round(time * 1000)), value_of_json(given))
        for row in result
        for time, given in _samples(row)
    )
    return Answer(kind=kind, points=once(points), annotations=found)


def _samples(row: Any) -> Iterator[Any]:
    """Yield pairs of a time and a value."""
    for name in ("value", "histogram"):
        yield from row.get(f"{name}s", ())
        if name in row:
            yield row[name]


def value_of_json(given: Any) -> Value:
    """Convert a number or a native histogram of the HTTP API."""
    if isinstance(given, str):
        return float(given)
    buckets = tuple(tuple(map(float, bucket)) for bucket in given.get("buckets", ()))
    return HistogramAnswer(float(given["count"]), float(given["sum"]), buckets)


def once(points: Iterator[tuple[tuple[LabelKey, int], Value]]) -> Points:
    """Return points by their keys, which must be unique."""
    found: Points = {}
    for key, value in points:
        assert key not in found, f"answered twice: {key}"
        found[key] = value
    return found


def same(a: Value, b: Value, *, rounded: bool) -> bool:
    """Whether two values have the same bits, or if ``rounded`` nearly; NaN equals NaN."""
    if isinstance(a, HistogramAnswer) and isinstance(b, HistogramAnswer):
        pairs = zip(a.numbers, b.numbers, strict=False)
        return a.kinds == b.kinds and all(same(*pair, rounded=rounded) for pair in pairs)
    if isinstance(a, HistogramAnswer) or isinstance(b, HistogramAnswer):
        return False
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    if rounded:
        return a == b or math.isclose(a, b, rel_tol=RELATIVE, abs_tol=RESIDUE)
    return a == b and math.copysign(1, a) == math.copysign(1, b)


def difference(expected: Answer, actual: Answer, *, rounded: bool) -> str:
    """Describe the difference; "" if there is none. Errors are compared by type.

    ``rounded``: values may differ in their last digits.
    """
    if expected.error or actual.error:
        if expected.error == actual.error:
            return ""
        return f"expected {_described(expected)}, got {_described(actual)}"
    if expected.kind != actual.kind:
        return f"expected a {expected.kind}, got a {actual.kind}"
    if expected.kind == "string" and expected.message != actual.message:
        return f"expected {expected.message!r}, got {actual.message!r}"
    return "; ".join(_differing(expected.points, actual.points, rounded=rounded))


def _described(answer: Answer) -> str:
    if answer.error:
        return f"an error {answer.error}: {answer.message}"
    return f"{len(answer.points)} points"


def _differing(expected: Points, actual: Points, *, rounded: bool) -> Iterator[str]:
    for (labels, time), value in expected.items():
        other = actual.get((labels, time))
        if other is None or not same(value, other, rounded=rounded):
            yield f"{_shown(labels)} at {time}: expected {value!r}, got {other!r}"
    for labels, time in actual.keys() - expected.keys():
        yield f"{_shown(labels)} at {time}: expected None, got {actual[labels, time]!r}"


def _shown(labels: LabelKey) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels)) + "}"


def differs_in_ties(expected: Answer, actual: Answer, among: Answer) -> bool:
    """Whether topk or bottomk only broke ties differently.

    ``among``: the series that they select from. At each time the series that only one side has
    must have equal values, and several series must have each of these values.
    """
    if expected.error or actual.error or expected.kind != actual.kind:
        return False
    return all(_tied(expected, actual, among, time) for time in _times(expected) | _times(actual))


def _times(answer: Answer) -> set[int]:
    return {time for _, time in answer.points}


def _tied(expected: Answer, actual: Answer, among: Answer, time: int) -> bool:
    left, right = expected.at(time), actual.at(time)
    if any(not same(left[key], right[key], rounded=True) for key in left.keys() & right.keys()):
        return False
    only_left = _counted(left[key] for key in left.keys() - right.keys())
    only_right = _counted(right[key] for key in right.keys() - left.keys())
    have = _counted(iter(among.at(time).values()))
    return only_left == only_right and all(have[value] > 1 for value in only_left)


def _counted(values: Iterator[Value]) -> Counter[str]:
    return Counter(f"{value:.9e}" for value in values if isinstance(value, float))
