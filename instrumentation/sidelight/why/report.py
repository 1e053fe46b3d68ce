"""The report: causes with their sentences, what was checked, and what is not known.

Its JSON has the schema of ``why.schema.json``, which docs/why.md describes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

from sidelight.why.source import CurrentAlert, Labels

State = Literal["ok", "warning", "critical", "unknown"]
SEVERITIES: Final = ("critical", "warning")
ROUTE: Final = ("job", "http_request_method", "http_route")


class Sentence(NamedTuple):
    """A sentence, and the query whose result it tells; empty where none was needed."""

    text: str
    query: str = ""


class Code(NamedTuple):
    """A line of the user's code."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"

    @classmethod
    def of(cls, labels: Labels) -> "Code | None":
        """The line in a series' labels; None where they name none, as past the cap of lines."""
        file, line = labels.get("code_file_path", ""), labels.get("code_line_number", "")
        if not file or not line.isdecimal():
            return None
        return cls(file, int(line), labels.get("code_function_name", ""))


class Figure(NamedTuple):
    """What was checked: its value now and an hour before, None where there is none."""

    name: str
    service: str
    value: float | None
    before: float | None
    unit: str
    query: str


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is wrong. ``labels`` say of what: the pool, the worker, the instance.

    ``share`` is the part of the time of all requests that it explains; of ``errors``, the part of
    all failed requests. ``onset`` is a query with a result as long as it is wrong.
    """

    kind: str
    labels: dict[str, str]
    sentences: tuple[Sentence, ...]
    share: float | None = None
    code: Code | None = None
    awaited: str | None = None
    exception: str | None = None
    alerts: tuple[CurrentAlert, ...] = ()
    onset: str = ""
    since: float | None = None
    next_step: str = ""

    def says(self, *sentences: Sentence, **changes: Any) -> "Cause":
        """The cause with further sentences, and other changes."""
        return replace(self, sentences=(*self.sentences, *sentences), **changes)

    @property
    def severity(self) -> int:
        """0 is critical, 1 a warning, 2 no alert that fires."""
        firing = {one.severity for one in self.alerts if one.state == "firing"}
        return next((n for n, name in enumerate(SEVERITIES) if name in firing), len(SEVERITIES))

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "kind": self.kind,
            "method": self.labels.get("http_request_method"),
            "route": self.labels.get("http_route"),
            "code": None if self.code is None else self.code._asdict(),
            "awaited": self.awaited or None,
            "exception": self.exception,
            "share": None if self.share is None else round(self.share, 4),
            "since": moment(self.since),
            "labels": {name: text for name, text in self.labels.items() if name not in ROUTE[1:]},
            "alerts": [alert_dict(one) for one in self.alerts],
            "summary": " ".join(one.text for one in self.sentences),
            "queries": list(dict.fromkeys(one.query for one in self.sentences if one.query)),
            "next_step": self.next_step,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to "what is wrong now?"."""

    state: State
    at: float
    ago: str = ""
    """The time that figures are compared with, as a sentence has it."""
    services: Sequence[str] = ()
    causes: Sequence[Cause] = ()
    changes: Sequence[Sentence] = ()
    checked: Sequence[Figure] = ()
    unknown: Sequence[str] = ()
    alerts: Sequence[CurrentAlert] = field(default=())

    @property
    def since(self) -> float | None:
        """Since when something is wrong, where that is known."""
        times = [one.since for one in self.causes if one.since is not None]
        times += [one.since for one in self.alerts]
        return min(times, default=None)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "state": self.state,
            "at": moment(self.at),
            "since": moment(self.since),
            "services": list(self.services),
            "causes": [cause.to_dict() for cause in self.causes],
            "changes": [{"summary": one.text, "query": one.query} for one in self.changes],
            "checked": [_figure(one) for one in self.checked],
            "unknown": list(self.unknown),
        }


def moment(seconds: float | None) -> str | None:
    """A time as RFC 3339 in UTC."""
    if seconds is None:
        return None
    return f"{datetime.fromtimestamp(round(seconds), UTC):%Y-%m-%dT%H:%M:%SZ}"


def alert_dict(one: CurrentAlert) -> dict[str, Any]:
    """As JSON has it."""
    return {
        "name": one.name,
        "severity": one.severity,
        "state": one.state,
        "since": moment(one.since),
        "labels": dict(one.labels),
        "summary": one.annotations.get("summary", ""),
        "runbook": one.annotations.get("runbook_url", ""),
    }


def _figure(one: Figure) -> dict[str, Any]:
    return {**one._asdict()}
