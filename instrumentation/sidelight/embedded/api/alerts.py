"""Rules and alerts as they are now."""

import json
from collections.abc import Iterable
from typing import Any

from sidelight.embedded.api.answers import Data
from sidelight.embedded.api.parameters import Parameters, invalid
from sidelight.embedded.api.selectors import MATCH
from sidelight.embedded.promql.errors import wrong
from sidelight.embedded.promql.spelling import scientific
from sidelight.embedded.rules.alerting import Alert
from sidelight.embedded.rules.clock import rfc3339
from sidelight.embedded.rules.running import Running, RunningGroup

TYPES = {"alert": "alert", "record": "record", "": ""}


def rules(groups: Iterable[RunningGroup], asked: Parameters) -> Data:
    """``/api/v1/rules``. Raises `QueryError`."""
    asked.refuse(MATCH)
    kind = asked.text("type").lower()
    if kind not in TYPES:
        raise invalid("type", f"not supported value {asked.text('type')!r}")
    hidden = _switch(asked, "exclude_alerts")
    names = {key: set(asked.texts(f"{key}[]")) for key in ("rule_name", "rule_group", "file")}
    shown = []
    for group in groups:
        if any(names[key] and value not in names[key] for key, value in _place(group).items()):
            continue
        rows = [
            _rule(one, hidden=hidden)
            for one in group.rules
            if kind in {"", one.rule.kind} and _among(one.rule.name, names["rule_name"])
        ]
        if rows or not (kind or names["rule_name"]):
            shown.append(_group(group, rows))
    return Data(json.dumps({"groups": shown}, ensure_ascii=False))


def alerts(groups: Iterable[RunningGroup]) -> Data:
    """``/api/v1/alerts``: pending and firing."""
    found = [
        _alert(one)
        for group in groups
        for rule in group.rules
        if rule.alerting is not None
        for one in list(rule.alerting.active.values())
    ]
    return Data(json.dumps({"alerts": found}, ensure_ascii=False))


def _place(group: RunningGroup) -> dict[str, str]:
    return {"rule_group": group.group.name, "file": group.group.file}


def _among(name: str, names: set[str]) -> bool:
    return not names or name in names


def _switch(asked: Parameters, name: str) -> bool:
    given = asked.text(name)
    if given.lower() not in {"", "true", "false", "1", "0", "t", "f"}:
        raise wrong(f'invalid parameter "{name}": error converting {given!r} to bool')
    return given.lower() in {"true", "1", "t"}


def _group(group: RunningGroup, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": group.group.name,
        "file": group.group.file,
        "rules": rows,
        "interval": group.group.interval / 1000,
        "limit": 0,
        "evaluationTime": group.took,
        "lastEvaluation": rfc3339(group.at),
    }


def _rule(running: Running, *, hidden: bool) -> dict[str, Any]:
    rule = running.rule
    after = {
        "health": running.health,
        **({"lastError": running.error} if running.error else {}),
        "evaluationTime": running.took,
        "lastEvaluation": rfc3339(running.at),
    }
    labels = dict(sorted(rule.labels.items()))
    if running.alerting is None:
        mine = {"labels": labels} if labels else {}
        return {"name": rule.name, "query": rule.expr, **mine, **after, "type": "recording"}
    active = list(running.alerting.active.values())
    return {
        "state": _worst(active),
        "name": rule.name,
        "query": rule.expr,
        "duration": rule.hold / 1000,
        "keepFiringFor": rule.keep_firing / 1000,
        "labels": labels,
        "annotations": dict(rule.annotations),
        **({} if hidden else {"alerts": [_alert(one) for one in active]}),
        **after,
        "type": "alerting",
    }


def _worst(active: Iterable[Alert]) -> str:
    states = {one.state for one in active}
    return next((state for state in ("firing", "pending") if state in states), "inactive")


def _alert(one: Alert) -> dict[str, Any]:
    return {
        "labels": dict(sorted(one.labels.items())),
        "annotations": one.annotations,
        "state": one.state,
        "activeAt": rfc3339(one.active),
        **({"keepFiringSince": rfc3339(one.kept)} if one.kept else {}),
        "value": scientific(one.value),
    }
