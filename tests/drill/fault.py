"""What a fault of the drill is: how it begins, and what alert and `sidelight why` must name."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from tests.drill.crowd import Crowd
from tests.drill.inbox import Heard
from tests.drill.stack import Stack

Names = Callable[[Heard], bool]
Labels = Callable[[Stack], Mapping[str, str]]


def of_service(_: Stack) -> Mapping[str, str]:
    """The labels of a cause that is about the whole service."""
    return {"job": "shop"}


def of_instance(stack: Stack) -> Mapping[str, str]:
    """The labels of a cause that is about the one instance."""
    return {"instance": stack.instance}


class Fault(NamedTuple):
    """``during`` makes it go wrong while its context lasts, and says who must be named."""

    claim: str
    alert: str
    during: Callable[[Stack, Crowd], AbstractContextManager[Names]]
    kind: str
    """What `sidelight why` calls the cause."""
    pages: bool = False
    """Whether someone is woken."""
    route: str | None = None
    """The route that it names; none where the cause has none."""
    function: str = ""
    """The function of the line that it names; empty where the cause has none."""
    exception: str | None = None
    """The exception that it names; none where the cause has none."""
    labels: Labels = of_service
    """What else it names."""
    text: str = ""
    """What its sentences say too."""

    @property
    def severity(self) -> str:
        """The severity of the alert. An alert of the same name and another severity is another."""
        return "critical" if self.pages else "warning"

    def is_of(self, one: Heard) -> bool:
        """Whether a notification is about this fault's alert."""
        return (one.name, one.labels["severity"]) == (self.alert, self.severity)

    def explained(self, stack: Stack) -> dict[str, Any] | None:
        """The cause in the answer of `sidelight why`; the first of all, where it pages."""
        found = stack.why()
        if found["state"] not in ({"critical"} if self.pages else {"critical", "warning"}):
            return None
        causes: list[dict[str, Any]] = found["causes"][: 1 if self.pages else None]
        return next((one for one in causes if self._is(one, self.labels(stack))), None)

    def _is(self, cause: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
        function = f"tests.drill.service.{self.function}"
        return (
            cause["kind"] == self.kind
            and self.alert in {one["name"] for one in cause["alerts"]}
            and self.route in {None, cause["route"]}
            and self.exception in {None, cause["exception"]}
            and (not self.function or (cause["code"] or {}).get("function") == function)
            and labels.items() <= cause["labels"].items()
            and self.text in cause["summary"]
        )
