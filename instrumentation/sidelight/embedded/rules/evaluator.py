"""The evaluation of groups of rules at their intervals, beside the event loop."""

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import anyio
import anyio.to_thread

from sidelight.embedded.history.history import History
from sidelight.embedded.promql.frame import format_labels
from sidelight.embedded.promql.limits import QueryError
from sidelight.embedded.rules.alerting import AlertStates
from sidelight.embedded.rules.definition import GroupDefinition, RuleDefinition
from sidelight.embedded.rules.recording import evaluate_recording_rule, record_samples

logger = logging.getLogger("sidelight.sidecar")


@dataclass(slots=True)
class EvaluatedRule:
    """One rule and its last evaluation: its duration in seconds, its time in milliseconds.

    ``duplicate``: the log has a warning that another rule records the same series.
    """

    definition: RuleDefinition
    alerting: AlertStates | None
    health: str = "unknown"
    error: str = ""
    evaluation_time: float = 0.0
    last_evaluation: int = 0
    failures: int = 0
    duplicate: bool = False


class RuleGroup:
    """A group of rules; ``number`` is the key of its series in the history."""

    def __init__(self, number: int, group: GroupDefinition) -> None:
        self.definition = group
        self.rules = [
            EvaluatedRule(rule, AlertStates(rule) if rule.kind == "alert" else None)
            for rule in group.rules
        ]
        self.evaluation_time = 0.0
        self.last_evaluation = 0
        self._number = number

    def evaluate(self, history: History, at: int) -> None:
        """Evaluate the rules one after another: each reads what the rules before it recorded."""
        began = time.perf_counter()
        for number, rule in enumerate(self.rules):
            self._run(rule, history, (self._number, number), at)
        self.last_evaluation, self.evaluation_time = at, time.perf_counter() - began

    def _run(self, rule: EvaluatedRule, history: History, key: tuple[int, int], at: int) -> None:
        began = time.perf_counter()
        rule.last_evaluation = at
        try:
            if rule.alerting is None:
                found = evaluate_recording_rule(rule.definition, history, at)
            else:
                found = rule.alerting.evaluate(history, at)
            self._warn_of_duplicate(rule, record_samples(history, ("rule", *key), at, found))
            rule.health, rule.error = "ok", ""
        except Exception as error:  # noqa: BLE001 the other rules are still evaluated
            self._record_failure(rule, error)
        rule.evaluation_time = time.perf_counter() - began

    def _warn_of_duplicate(self, rule: EvaluatedRule, duplicate: Mapping[str, str] | None) -> None:
        if duplicate is not None and not rule.duplicate:
            rule.duplicate = True
            logger.warning(
                "rule %s of %s: another rule records %s; the sample of this rule is dropped",
                rule.definition.name,
                self.definition.name,
                format_labels(duplicate),
            )

    def _record_failure(self, rule: EvaluatedRule, error: Exception) -> None:
        rule.failures += 1
        expected = isinstance(error, QueryError)
        if rule.error != str(error):
            logger.warning(
                "rule %s of %s: %s",
                rule.definition.name,
                self.definition.name,
                error,
                exc_info=None if expected else error,
            )
        rule.health, rule.error = "err", str(error)


class RuleEvaluator:
    """Evaluates groups of rules, one group at a time."""

    def __init__(self, history: History, groups: Iterable[GroupDefinition], after: float) -> None:
        """``after``: seconds until the first evaluation, when the history has some samples."""
        self.groups = [RuleGroup(number, group) for number, group in enumerate(groups)]
        self._history = history
        self._after = after
        self._thread = anyio.CapacityLimiter(1)

    @property
    def failures(self) -> int:
        """The number of evaluations that failed."""
        return sum(rule.failures for group in self.groups for rule in group.rules)

    async def run(self) -> None:
        """Evaluate until cancelled; an evaluation that can't start in its interval is skipped."""
        await anyio.sleep(self._after)
        due = {number: time.monotonic() for number in range(len(self.groups))}
        while due:
            number = min(due, key=lambda one: due[one])
            await anyio.sleep(max(0.0, due[number] - time.monotonic()))
            group = self.groups[number]
            at = time.time_ns() // 1_000_000
            await anyio.to_thread.run_sync(group.evaluate, self._history, at, limiter=self._thread)
            seconds = group.definition.interval / 1000
            missed = int((time.monotonic() - due[number]) // seconds)
            due[number] += seconds * (missed + 1)
