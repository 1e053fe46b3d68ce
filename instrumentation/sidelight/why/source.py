"""Where the answers come from, and what they are: samples, runs of a query, alerting rules."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sidelight.errors import SidelightError

Labels = Mapping[str, str]


class SourceError(SidelightError):
    """A source did not answer, or refused a query; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A series of an instant query, with its value."""

    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class CurrentAlert:
    """An alert that is pending or firing, ``since`` so many seconds after 1970."""

    name: str
    state: str
    since: float
    labels: Labels
    annotations: Labels

    @property
    def severity(self) -> str:
        """``critical``, ``warning`` or what the rule says."""
        return self.labels.get("severity", "")


@dataclass(frozen=True, slots=True)
class LoadedAlerts:
    """The names of alerting rules that are evaluated, and what is pending or firing of them.

    ``names`` is None where the source does not list its rules.
    """

    names: frozenset[str] | None
    active: Sequence[CurrentAlert]


def contradicts(one: Labels, other: Labels) -> bool:
    """Whether a label that both have differs. Prometheus leaves out a label that is empty."""
    return any(one[name] != text for name, text in other.items() if name in one)


class PrometheusApi(Protocol):
    """A Prometheus, a sidecar, or a directory. Each method raises `SourceError`."""

    def query(self, expr: str, at: float) -> list[Sample]:
        """The result of a query at one time."""

    def times(self, expr: str, labels: Labels, period: tuple[float, float, float]) -> list[float]:
        """The times at which a query has a series that does not contradict the labels, in order.

        ``period`` is start, end and step.
        """

    def alerts(self, names: Collection[str]) -> LoadedAlerts:
        """The alerts of these rules."""
