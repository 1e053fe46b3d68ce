"""The alerts of Sidelight's rules: which there are, and which causes they are about."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Final

from sidelight import packaged
from sidelight.why.source import CurrentAlert, LoadedAlerts

_FIRST_STEP: Final = re.compile(
    r"^## What to do\s+1\. (.*?)(?=^\d\. |\n\n|\Z)", re.DOTALL | re.MULTILINE
)
_LINK: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True, slots=True)
class Alerts:
    """What is pending or firing, and which rules are evaluated; None where that is not known."""

    active: Collection[CurrentAlert] = ()
    names: Collection[str] | None = None
    problem: str = ""

    def of(self, names: Collection[str], severity: str = "") -> list[CurrentAlert]:
        """Active alerts with one of these names, and this severity where one is given."""
        found = [one for one in self.active if one.name in names]
        return [one for one in found if severity in {"", one.severity}]

    def decide(self, names: Collection[str]) -> bool:
        """Whether rules with one of these names are evaluated, so that their thresholds count."""
        return bool(self.of(names)) or any(name in names for name in self.names or ())


def of_job(loaded: LoadedAlerts, job: str) -> Alerts:
    """The alerts of one job, or of all where it is empty."""
    active = [one for one in loaded.active if not job or one.labels.get("job", job) == job]
    return Alerts(active, loaded.names)


@cache
def names() -> frozenset[str]:
    """The names of Sidelight's alerts: each has a runbook."""
    return frozenset(path.stem for path in packaged.folder("runbooks").glob("[A-Z]*.md")) - {
        "README"
    }


@cache
def next_step(name: str) -> str:
    """The first step that the runbook of an alert gives, as plain text; empty without one."""
    path = packaged.folder("runbooks") / f"{name}.md"
    found = _FIRST_STEP.search(path.read_text("utf-8")) if path.is_file() else None
    return _LINK.sub(r"\1", " ".join(found[1].split())) if found else ""
