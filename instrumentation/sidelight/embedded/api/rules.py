"""The endpoints ``rules`` and ``alerts``."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sidelight.embedded.api.parameters import ApiParameters
from sidelight.embedded.api.responses import ResponseData
from sidelight.embedded.api.rules_filter import RulesFilter, in_order
from sidelight.embedded.promql.formatting import format_scientific
from sidelight.embedded.promql.limits import QueryLimits
from sidelight.embedded.rules.alerting import EvaluatedAlert
from sidelight.embedded.rules.evaluator import EvaluatedRule, RuleGroup


def rules(groups: Sequence[RuleGroup], params: ApiParameters, limits: QueryLimits) -> ResponseData:
    """Answer ``/api/v1/rules``. Raises `QueryError`."""
    wanted = RulesFilter(params, limits)
    page, token = wanted.page(groups)
    listed = [
        _group(group, [_rule(one, hidden=wanted.exclude_alerts) for one in found])
        for group, found in page
    ]
    more = {"groupNextToken": token} if token else {}
    return ResponseData(json.dumps({"groups": listed, **more}, ensure_ascii=False))


def alerts(groups: Iterable[RuleGroup]) -> ResponseData:
    """Answer ``/api/v1/alerts``: pending and firing alerts."""
    found = [
        _alert(one)
        for group in in_order(groups)
        for rule in group.rules
        if rule.alerting is not None
        for one in list(rule.alerting.active.values())
    ]
    return ResponseData(json.dumps({"alerts": found}, ensure_ascii=False))


def _group(group: RuleGroup, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": group.definition.name,
        "file": group.definition.file,
        "rules": rows,
        "interval": group.definition.interval / 1000,
        "limit": 0,
        "evaluationTime": group.evaluation_time,
        "lastEvaluation": _rfc3339(group.last_evaluation),
    }


def _rule(evaluated: EvaluatedRule, *, hidden: bool) -> dict[str, Any]:
    rule = evaluated.definition
    after = {
        "health": evaluated.health,
        **({"lastError": evaluated.error} if evaluated.error else {}),
        "evaluationTime": evaluated.evaluation_time,
        "lastEvaluation": _rfc3339(evaluated.last_evaluation),
    }
    labels = dict(sorted(rule.labels.items()))
    if evaluated.alerting is None:
        mine = {"labels": labels} if labels else {}
        return {"name": rule.name, "query": rule.expr, **mine, **after, "type": "recording"}
    active = list(evaluated.alerting.active.values())
    return {
        "state": _state(active),
        "name": rule.name,
        "query": rule.expr,
        "duration": rule.for_duration / 1000,
        "keepFiringFor": rule.keep_firing_for / 1000,
        "labels": labels,
        "annotations": dict(rule.annotations),
        "alerts": None if hidden else [_alert(one) for one in active],
        **after,
        "type": "alerting",
    }


def _state(active: Iterable[EvaluatedAlert]) -> str:
    states = {one.state for one in active}
    return next((state for state in ("firing", "pending") if state in states), "inactive")


def _alert(one: EvaluatedAlert) -> dict[str, Any]:
    return {
        "labels": dict(sorted(one.labels.items())),
        "annotations": one.annotations,
        "state": one.state,
        "activeAt": _rfc3339(one.active_at),
        **({"keepFiringSince": _rfc3339(one.keep_firing_since)} if one.keep_firing_since else {}),
        "value": format_scientific(one.value),
    }


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_GO_ZERO_TIME = "0001-01-01T00:00:00Z"


def _rfc3339(milliseconds: int) -> str:
    """Return a time as RFC 3339 without trailing zeros; 0 becomes Go's zero time."""
    if not milliseconds:
        return _GO_ZERO_TIME
    found = _EPOCH + timedelta(milliseconds=milliseconds)
    part = f".{milliseconds % 1000:03}".rstrip("0").rstrip(".")
    return f"{found:%Y-%m-%dT%H:%M:%S}{part}Z"
