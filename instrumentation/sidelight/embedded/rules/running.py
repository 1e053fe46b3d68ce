"""Groups of rules while they are evaluated, again and again."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

from sidelight.embedded.history.history import History
from sidelight.embedded.promql.errors import QueryError
from sidelight.embedded.promql.series import shown
from sidelight.embedded.rules.alerting import Alerting
from sidelight.embedded.rules.asking import record
from sidelight.embedded.rules.definition import Group, Rule
from sidelight.embedded.rules.recording import evaluate

logger = logging.getLogger("sidelight.sidecar")


@dataclass(slots=True)
class Running:
    """One rule, and how its last evaluation went; ``took`` in seconds, ``at`` in milliseconds.

    ``doubled``: it was told that another rule records the same series.
    """

    rule: Rule
    alerting: Alerting | None
    health: str = "unknown"
    error: str = ""
    took: float = 0.0
    at: int = 0
    failures: int = 0
    doubled: bool = False


class RunningGroup:
    """A group; its place among all groups is its key in the history."""

    def __init__(self, number: int, group: Group) -> None:
        self.group = group
        self.rules = [
            Running(rule, Alerting(rule) if rule.kind == "alert" else None) for rule in group.rules
        ]
        self.took = 0.0
        self.at = 0
        self._number = number

    def evaluate(self, history: History, at: int) -> None:
        """All rules, one after another: each sees what those before it recorded."""
        began = time.perf_counter()
        for number, running in enumerate(self.rules):
            self._run(running, history, (self._number, number), at)
        self.at, self.took = at, time.perf_counter() - began

    def _run(self, running: Running, history: History, key: tuple[int, int], at: int) -> None:
        began = time.perf_counter()
        running.at = at
        try:
            if running.alerting is None:
                found = evaluate(running.rule, history, at)
            else:
                found = running.alerting.evaluate(history, at)
            self._recorded(running, record(history, ("rule", *key), at, found))
            running.health, running.error = "ok", ""
        except Exception as error:  # noqa: BLE001 a rule that fails takes no other with it
            self._failed(running, error)
        running.took = time.perf_counter() - began

    def _recorded(self, running: Running, doubled: Mapping[str, str] | None) -> None:
        if doubled is not None and not running.doubled:
            running.doubled = True
            logger.warning(
                "rule %s of %s: another rule records %s, so this one's is left out",
                running.rule.name,
                self.group.name,
                shown(doubled),
            )

    def _failed(self, running: Running, error: Exception) -> None:
        running.failures += 1
        expected = isinstance(error, QueryError)
        if running.error != str(error):
            logger.warning(
                "rule %s of %s: %s",
                running.rule.name,
                self.group.name,
                error,
                exc_info=None if expected else error,
            )
        running.health, running.error = "err", str(error)
