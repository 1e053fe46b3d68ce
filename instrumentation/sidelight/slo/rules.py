"""All groups of rules of one build, and the files they are written to."""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from sidelight.slo import burn, causes, limits, reach, recording
from sidelight.slo.plan import Group, Plan, Rule
from sidelight.slo.windows import INTERVAL, LONG, SHORT, SLOW_INTERVAL

Format = Literal["prometheus", "operator"]

HEALTH = (*reach.ALERTS, *causes.ALERTS, *limits.ALERTS)
HEAD = "# Made by `sidelight rules`. DO NOT EDIT.\n"
WIDTH = 1_000_000
"""No expression is broken into lines."""


def groups(plan: Plan) -> list[Group]:
    """Recording rules first; within a group each rule sees what those before it recorded."""
    long = (*LONG, plan.service.window)
    alerts = [one for one in HEALTH if one.of in {"every", "named" if plan.named else "unnamed"}]
    return [
        _group(
            plan,
            "requests",
            INTERVAL,
            [
                *recording.requests(plan),
                *recording.objectives(plan),
                *_windows(plan, SHORT),
                *recording.means(plan),
            ],
        ),
        _group(plan, "budget", SLOW_INTERVAL, [*_windows(plan, long), *recording.budget(plan)]),
        _group(plan, "burn", INTERVAL, [one.rule(plan) for one in burn.alerts(plan)]),
        _group(plan, "health", INTERVAL, [one.rule(plan) for one in alerts]),
    ]


def names(plan: Plan) -> list[str]:
    """Every alert of a build, once."""
    rules = (rule for group in groups(plan) for rule in group["rules"])
    return list(dict.fromkeys(rule["alert"] for rule in rules if "alert" in rule))


def text(plan: Plan, form: Format = "prometheus") -> str:
    """The file, as Prometheus or as its operator reads it."""
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415 the rest works without PyYAML

    found: dict[str, Any] = {"groups": groups(plan)}
    if form == "operator":
        found = {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": title(plan)},
            "spec": found,
        }
    body = yaml.safe_dump(found, sort_keys=False, width=WIDTH, allow_unicode=True)
    return HEAD + str(body)


def title(plan: Plan) -> str:
    """What groups and objects are called: ``sidelight`` and the service, as DNS has names."""
    name = plan.service.name or ""
    letters = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower())
    return "-".join(part for part in ("sidelight", letters.strip("-")) if part)


def _windows(plan: Plan, lengths: Iterable[str]) -> Iterator[Rule]:
    for length in lengths:
        yield from recording.window(plan, length)


def _group(plan: Plan, name: str, interval: str, rules: list[Rule]) -> Group:
    for rule in rules:
        if "record" in rule and plan.stamp:
            rule["labels"] = {**plan.stamp, **rule.get("labels", {})}
    return {"name": f"{title(plan)}-{name}", "interval": plan.time(interval), "rules": rules}
