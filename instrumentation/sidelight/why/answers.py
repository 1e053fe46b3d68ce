"""The answers to all questions, asked at once, now and an hour before."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from math import isnan
from typing import Final

from sidelight.why.questions import BEFORE
from sidelight.why.scope import Scope
from sidelight.why.source import Labels, PrometheusApi, Sample, SourceError, contradicts

CONCURRENCY: Final = 8


class Answers:
    """What a source answers. A question that it refuses has no samples, and is in ``problems``."""

    def __init__(self, source: PrometheusApi, scope: Scope, questions: Mapping[str, str]) -> None:
        self.scope = scope
        self.problems: dict[str, str] = {}
        self._texts = {name: scope.render(text) for name, text in questions.items()}
        asked = [(name, scope.now) for name in questions]
        asked += [(name, scope.before) for name in questions if name in BEFORE]
        with ThreadPoolExecutor(CONCURRENCY) as threads:
            found = threads.map(lambda one: self._ask(source, *one), asked)
            self._samples = dict(zip(asked, found, strict=True))

    def _ask(self, source: PrometheusApi, name: str, at: float) -> list[Sample]:
        """The samples that are numbers, the largest first."""
        try:
            found = source.query(self._texts[name], at)
        except SourceError as error:
            self.problems[name] = str(error)
            return []
        # NaN is a ratio without traffic.
        return sorted((s for s in found if not isnan(s.value)), key=lambda s: -s.value)

    def text(self, name: str) -> str:
        """The query of a question."""
        return self._texts[name]

    def now(self, name: str, labels: Labels | None = None) -> list[Sample]:
        """The samples now whose labels do not contradict these, the largest first."""
        return matching(self._samples[name, self.scope.now], labels or {})

    def before(self, name: str, labels: Labels | None = None) -> list[Sample]:
        """The same of the time that is compared with."""
        return matching(self._samples[name, self.scope.before], labels or {})

    def value(self, name: str, labels: Labels | None = None) -> float | None:
        """The sum of these samples now; None where there is none."""
        return total(self.now(name, labels))

    def value_before(self, name: str, labels: Labels | None = None) -> float | None:
        """The sum of these samples at the time that is compared with."""
        return total(self.before(name, labels))

    @property
    def unreachable(self) -> str:
        """The problem, where nothing was answered; empty otherwise."""
        every = set(self._texts) <= set(self.problems)
        return next(iter(self.problems.values())) if every else ""


def matching(samples: Iterable[Sample], labels: Labels) -> list[Sample]:
    """The samples that have no other value for one of these labels."""
    return [s for s in samples if not contradicts(s.labels, labels)]


def total(samples: Iterable[Sample]) -> float | None:
    """The sum of the values; None of no sample."""
    values = [sample.value for sample in samples]
    return sum(values) if values else None


def ratio(part: float | None, whole: float | None) -> float | None:
    """A share; None where one of both is not known, or the whole is 0."""
    return part / whole if part is not None and whole else None
