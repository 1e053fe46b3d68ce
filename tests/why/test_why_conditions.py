"""What is down, full, slow or broken: each kind is found by its query, or by its alert."""

import pytest

from sidelight.why import diagnosis
from sidelight.why.conditions import CONDITIONS, Condition, question
from sidelight.why.firing import names, next_step
from tests.why.canned import HEALTHY, SCHEMA, SHOP, Canned, alert, only, report

LABELS = {
    **SHOP,
    "instance": "a:1",
    "worker": "0",
    "http_route": "/report",
    "db_client_connection_pool_name": "stock",
    "server_address": "pay.example",
    "server_port": "443",
    "dependency": "shop.session",
    "step": "setup",
    "location": "body.email",
    "type": "missing",
    "where": "heartbeat",
}
WITH_QUERY = [one for one in CONDITIONS if one.query]


def name_of(condition: Condition) -> str:
    return question(condition)


@pytest.mark.parametrize("condition", WITH_QUERY, ids=name_of)
def test_a_value_at_its_threshold_is_a_cause(condition: Condition) -> None:
    """Without rules the threshold decides; each label of the sentence is filled in."""
    rows = {**HEALTHY, question(condition): [(LABELS, condition.above)]}
    found = report(Canned(rows))
    assert found.state == "warning"
    cause = only(found)
    assert cause["kind"] == condition.kind
    assert "?" not in cause["summary"]
    assert cause["next_step"]


@pytest.mark.parametrize("condition", [one for one in WITH_QUERY if one.above], ids=name_of)
def test_a_value_below_its_threshold_is_none(condition: Condition) -> None:
    """Just below the threshold nothing is wrong."""
    rows = {**HEALTHY, question(condition): [(LABELS, condition.above * 0.99)]}
    assert report(Canned(rows)).state == "ok"


@pytest.mark.parametrize("condition", CONDITIONS, ids=name_of)
def test_rules_decide_where_they_are_evaluated(condition: Condition) -> None:
    """With rules a high value is no cause until the alert is pending; the alert is told."""
    name, severity = condition.alerts[0], condition.severity or "warning"
    rows = {**HEALTHY, question(condition): [(LABELS, condition.above * 2)]}
    assert report(Canned(rows, rules=[name])).state == "ok"
    pending = alert(name, severity, "pending", instance="a:1")
    cause = only(report(Canned(rows, alerts=[pending], rules=[name])))
    assert (cause["kind"], cause["alerts"][0]["state"]) == (condition.kind, "pending")


def test_events_are_whole() -> None:
    """The increase of a counter, which is extrapolated, is told as a number of events."""
    rows = {"restarts RestartLoop": [({**SHOP, "instance": "a:1"}, 3.03)]}
    assert only(report(Canned(rows)))["summary"] == "3 workers on a:1 were killed or crashed."


def test_refused_requests_have_a_place_and_a_type() -> None:
    """Of the route that the alert is about, the commonest error is first; no other route is."""
    signup = {**SHOP, "http_route": "/signup"}
    field = {"location": "body.email", "type": "missing"}
    other = {"location": "body.name", "type": "string_type"}
    rows = [({**signup, **other}, 60.0), ({**signup, **field}, 120.0)]
    rows += [({**SHOP, "http_route": "/items", **field}, 300.0)]
    jumped = alert("ValidationErrorsJumped", "warning", http_route="/signup")
    found = {"validation ValidationErrorsJumped": rows}
    first, second = report(Canned(found, alerts=[jumped], rules=[jumped.name])).to_dict()["causes"]
    assert (first["route"], first["labels"]) == ("/signup", {**SHOP, **field})
    assert (second["route"], second["labels"]) == ("/signup", {**SHOP, **other})
    assert first["summary"] == (
        "/signup refuses requests: 120 errors are at body.email, of the type missing."
    )


def test_an_alert_of_another_worker_is_another_cause() -> None:
    """The figure of a worker that no alert is about is left out; the alert's own summary stays."""
    rows = {"thread_pool ThreadPoolSaturated": [({**SHOP, "worker": "0"}, 5.0)]}
    saturated = alert("ThreadPoolSaturated", "warning", worker="1")
    cause = only(report(Canned(rows, alerts=[saturated], rules=[saturated.name])))
    assert cause["summary"] == "ThreadPoolSaturated of shop."
    assert cause["labels"] == {"job": "shop", "worker": "1"}


def test_waiting_calls_are_a_share_of_the_time() -> None:
    """Two calls that wait on average are two seconds a second, of five that requests take."""
    labels = {**SHOP, "db_client_connection_pool_name": "stock"}
    rows = {"connection_pool ConnectionPoolExhausted": [(labels, 2.0)]}
    rows["connection_pool by route"] = [({**labels, "http_route": "/stock/{item_id}"}, 2.0)]
    found = report(Canned(rows))
    assert (only(found)["share"], only(found)["route"]) == (0.4, "/stock/{item_id}")
    assert "/stock/{item_id} holds most of its connections." in only(found)["summary"]


def test_the_route_behind_a_resource_may_be_unknown() -> None:
    """Where no metric has the route, the report says that."""
    rows = {"connection_pool ConnectionPoolExhausted": [(SHOP, 2.0)]}
    found = report(Canned(rows))
    assert only(found)["route"] is None
    assert "which route is behind connection_pool: no metric tells" in found.unknown


def test_causes_are_in_order_of_severity_and_time() -> None:
    """A critical alert comes first, then the greatest share of the time."""
    rows = {
        "connection_pool ConnectionPoolExhausted": [(SHOP, 1.0)],
        "thread_pool ThreadPoolSaturated": [(SHOP, 4.0)],
    }
    blocked = alert("WorkerBlocked", worker="1")
    found = report(Canned(rows, alerts=[blocked]))
    kinds = [cause.kind for cause in found.causes]
    assert kinds == ["worker_blocked", "thread_pool", "connection_pool"]
    assert found.state == "critical"


def test_every_kind_is_in_the_schema() -> None:
    """The schema lists the kinds that the code has, and no other."""
    kinds = set(diagnosis.BY_KIND)
    assert set(SCHEMA["$defs"]["cause"]["properties"]["kind"]["enum"]) == kinds


def test_every_alert_has_a_kind_and_a_first_step() -> None:
    """Each alert with a runbook belongs to a kind, and its runbook begins with a step."""
    kinds = {name for one in CONDITIONS for name in one.alerts}
    kinds |= {*diagnosis.BY_KIND.values(), "LowTrafficHighErrorRatio"}
    assert names() <= kinds
    assert all(next_step(name) for name in names())
