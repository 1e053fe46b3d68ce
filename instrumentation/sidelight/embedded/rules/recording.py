"""A rule that records what its expression gives, as series of another name."""

from sidelight.embedded.history.history import History
from sidelight.embedded.promql.errors import failed
from sidelight.embedded.rules.asking import Sample, ask, known
from sidelight.embedded.rules.definition import Rule


def evaluate(rule: Rule, history: History, at: int) -> list[Sample]:
    """The samples to be recorded. Raises `QueryError`."""
    found = [(_named(rule, labels), value) for labels, value in ask(history, rule.expr, at)]
    if len({known(labels) for labels, _ in found}) < len(found):
        raise failed("vector contains metrics with the same labelset after applying rule labels")
    return found


def _named(rule: Rule, labels: dict[str, str]) -> dict[str, str]:
    all_labels = {**labels, "__name__": rule.name, **rule.labels}
    return {name: value for name, value in all_labels.items() if value}
