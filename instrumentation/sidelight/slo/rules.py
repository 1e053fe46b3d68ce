"""All groups of rules of one build, and the file they are written to."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

from sidelight.slo import availability, burn_rate, calls, capacity, recording, saturation
from sidelight.slo.context import Group, Rule, RuleContext
from sidelight.slo.windows import INTERVAL, LONG, SHORT, SLOW_INTERVAL

Format = Literal["prometheus", "operator"]

HEALTH: Final = (*availability.ALERTS, *saturation.ALERTS, *calls.ALERTS, *capacity.ALERTS)
HEAD: Final = "# Made by `sidelight rules`. DO NOT EDIT.\n"
WIDTH: Final = 1_000_000
"""A line width that no expression reaches, so that none is broken into lines."""


def groups(context: RuleContext) -> list[Group]:
    """Recording rules first: within a group, each rule reads what the rules before it recorded."""
    long = (*LONG, context.service.window)
    requests = [
        *recording.requests(context),
        *recording.objectives(context),
        *_windows(context, SHORT),
        *recording.means(context),
    ]
    budget = [*_windows(context, long), *recording.budget(context)]
    burn = [one.rule(context) for one in burn_rate.alerts(context)]
    health = [one.rule(context) for one in HEALTH if one.applies(context)]
    return [
        _group(context, "requests", INTERVAL, requests),
        _group(context, "budget", SLOW_INTERVAL, budget),
        _group(context, "burn-rate", INTERVAL, burn),
        _group(context, "health", INTERVAL, health),
    ]


def text(context: RuleContext, form: Format = "prometheus") -> str:
    """The file, as Prometheus or its operator reads it."""
    import yaml  # noqa: PLC0415 the rest works without PyYAML

    found: dict[str, Any] = {"groups": groups(context)}
    if form == "operator":
        found = {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": title(context)},
            "spec": found,
        }
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the one in C is ten times as fast
    body = yaml.dump(found, Dumper=dumper, sort_keys=False, width=WIDTH, allow_unicode=True)
    return HEAD + str(body)


def title(context: RuleContext) -> str:
    """The name of the object: ``sidelight`` and the service, in the characters DNS allows."""
    name = context.service.name or ""
    letters = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower())
    return "-".join(part for part in ("sidelight", letters.strip("-")) if part)


def _windows(context: RuleContext, lengths: Iterable[str]) -> Iterator[Rule]:
    for length in lengths:
        yield from recording.window(context, length)


def _group(context: RuleContext, name: str, interval: str, rules: list[Rule]) -> Group:
    for rule in rules:
        if "record" in rule and context.extra_labels:
            rule["labels"] = {**context.extra_labels, **rule.get("labels", {})}
    full_name = f"{title(context)}-{name}"
    return {"name": full_name, "interval": context.duration(interval), "rules": rules}
