"""Panels with one value for each series, and the pages without a dashboard."""

import math
from typing import Any

import pytest

from sidelight.embedded.viewer import alerts_page, slow_page
from sidelight.embedded.viewer.dashboard_page import with_links
from sidelight.embedded.viewer.query_result import active_alert, alerting_rule
from sidelight.embedded.viewer.single_value import bar_gauge, gauge, reduce_values, stat
from sidelight.embedded.viewer.variables import PageState
from tests.embedded.viewer.builders import (
    make_dashboard,
    make_panel,
    override,
    panel_json,
    query,
    result,
    series,
)

NAN = math.nan
STATE = PageState({}, "now-1h", "now")
EVERY_FIELD = {"id": "byRegexp", "options": ".*"}
STEPS = [{"value": None, "color": "#111111"}, {"value": 0.5, "color": "#222222"}]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lastNotNull", 3.0), ("firstNotNull", 2.0), ("max", 5.0), ("min", 2.0), ("sum", 10.0),
        ("mean", 10 / 3), ("count", 5.0),
    ],
)  # fmt: skip
def test_calculations(name: str, expected: float) -> None:
    """Values are reduced to one; NaN is skipped, except by ``count``."""
    assert reduce_values([NAN, 2.0, 5.0, 3.0, NAN], name) == expected


def test_first_and_last_may_be_nan() -> None:
    """``first`` and ``last`` do not skip NaN; without values there is no result."""
    assert math.isnan(reduce_values([NAN, 1.0], "first") or 0)
    assert reduce_values([NAN, 1.0], "last") == 1.0
    assert reduce_values([], "last") is reduce_values([NAN], "max") is None


def value_panel(kind: str, **options: Any) -> Any:
    return make_panel(
        kind,
        targets=[query(legend="{{job}}")],
        options={"reduceOptions": {"calcs": ["lastNotNull"]}, **options},
        fieldConfig={"defaults": {"unit": "percentunit", "thresholds": {"steps": STEPS}}},
    )


def test_a_stat() -> None:
    """A stat shows the latest value with its unit and the color of its threshold."""
    found = result(series({"job": "a"}, (1, 0.25), (2, 0.75), (3, math.nan)))
    assert stat(value_panel("stat", textMode="value"), [found]) == [
        {"text": "75%", "name": "", "color": "#222222", "isName": False}
    ]


def test_a_stat_of_names() -> None:
    """In the mode "name", the name of a series replaces its value."""
    found = result(series({"job": "Sidelight 0.1.0"}, (1, 1)))
    assert stat(value_panel("stat", textMode="name"), [found])[0]["text"] == "Sidelight 0.1.0"


def test_several_stats_have_names() -> None:
    """In the mode "auto", several values have names."""
    found = result(series({"job": "a"}, (1, 1)), series({"job": "b"}, (1, 0)))
    assert [one["name"] for one in stat(value_panel("stat", textMode="auto"), [found])] == [
        "a",
        "b",
    ]


def test_nan_is_no_stat() -> None:
    """NaN is left out."""
    assert stat(value_panel("stat"), [result(series({}, (1, math.nan)))]) == []


def test_a_bar_gauge() -> None:
    """A bar is filled by the share of the range; a percentage has a maximum of 100 %."""
    found = result(series({"job": "a"}, (1, 0.25)), series({"job": "b"}, (1, 7)))
    assert bar_gauge(value_panel("bargauge"), [found], STATE) == [
        {
            "name": "a",
            "text": "25%",
            "color": "#111111",
            "textColor": "#111111",
            "share": 0.25,
            "href": "",
        },
        {
            "name": "b",
            "text": "700%",
            "color": "#222222",
            "textColor": "#222222",
            "share": 1.0,
            "href": "",
        },
    ]


def test_a_bar_has_a_link() -> None:
    """The link of a bar has the percent-encoded labels; the color of the value can be off."""
    links = [{"url": "/d/x?${__url_time_range}&var-job=${__field.labels.job}"}]
    panel = make_panel(
        "bargauge",
        options={"valueMode": "text"},
        fieldConfig={"overrides": [{**override("x", links=links), "matcher": EVERY_FIELD}]},
    )
    (found,) = bar_gauge(panel, [result(series({"job": "a&b"}, (1, 1)))], STATE)
    assert found["href"] == "/d/x?from=now-1h&to=now&var-job=a%26b"
    assert found["textColor"] == ""


def test_gauges() -> None:
    """Each series has a gauge beside the others, with a ring of the thresholds."""
    found = gauge(
        value_panel("gauge"),
        [result(series({"job": "a"}, (1, 0.25)), series({"job": "b"}, (1, 1)))],
    )
    assert found is not None
    first, second = found["series"]
    assert (first["center"], second["center"]) == (["25%", "60%"], ["75%", "60%"])
    assert (first["min"], first["max"], first["color"]) == (0, 1, "#111111")
    assert first["thresholds"] == [(0.5, "#111111"), (1.0, "#222222")]
    assert first["data"] == [{"value": 0.25, "name": "a", "text": "25%"}]
    assert gauge(value_panel("gauge"), [result()]) is None


def test_a_threshold_at_zero_is_in_the_ring() -> None:
    """Each color of the ring ends where the next threshold begins, also at zero."""
    steps = [
        {"value": value, "color": color}
        for value, color in zip((None, 0, 0.25), "abc", strict=True)
    ]
    defaults = {"unit": "percentunit", "min": 0, "max": 1, "thresholds": {"steps": steps}}
    found = gauge(
        make_panel("gauge", fieldConfig={"defaults": defaults}), [result(series({}, (1, -2)))]
    )
    assert found is not None
    assert found["series"][0]["thresholds"] == [(0.0, "a"), (0.25, "b"), (1.0, "c")]


def test_a_dashboard_in_the_text_of_an_empty_panel_is_a_link() -> None:
    """The title of a dashboard after "see" links to it with time range and variables."""
    health = make_dashboard(
        panel_json("text"), title="Sidelight / Telemetry health", uid="sidelight-h"
    )
    state = PageState({"job": ("a",)}, "now-1h", "now")
    assert with_links("No rules: see Telemetry health", [health], state) == [
        {"text": "No rules: see ", "href": ""},
        {"text": "Telemetry health", "href": "/d/sidelight-h?from=now-1h&to=now&var-job=a"},
    ]
    assert with_links("No traffic", [health], state) == [{"text": "No traffic", "href": ""}]


SLOW = {
    "when": 1_800_000_000.5,
    "route": "/p/{id}",
    "method": "GET",
    "status": 503,
    "seconds": 1.25,
    "first_byte": 0.5,
    "queued": 0.2,
    "phases": {"body": 0.00002, "endpoint": 0.9, "dependencies": 0.1},
    "loop_blocked": 0.6,
    "threads_waiting": 0,
    "waited": 0.3,
    "waited_at": "p.py:9 in p.get, awaiting asyncio.sleep",
    "blocked_by": "/p/{id}: /srv/p.py:7 in p",
}


def test_slow_requests() -> None:
    """Slow requests are listed newest first, with a link to the dashboard of the route."""
    bare = {key: SLOW[key] for key in ("method", "seconds")} | {"when": 1_800_000_001}
    found = slow_page.table([SLOW, bare])
    assert [row[0][0] for row in found["rows"]] == [1_800_000_001, 1_800_000_000.5]
    assert [cell[1] for cell in found["rows"][1][1:]] == [
        "1.25 s", "GET", "/p/{id}", "503", "500 ms", "200 ms", "600 ms", "0",
        "endpoint 900 ms, dependencies 100 ms", "300 ms",
        "p.py:9 in p.get, awaiting asyncio.sleep", "/p/{id}: /srv/p.py:7 in p", "-",
    ]  # fmt: skip
    assert found["rows"][1][3][3] == (
        "/d/sidelight-route?from=now-1h&to=now&var-route=%2Fp%2F%7Bid%7D"
    )
    assert [cell[1] for cell in found["rows"][0][3:]] == ["(no route)", *["-"] * 10]


def test_causes_of_slow_requests() -> None:
    """A cause has how many requests it explains, how slow they were, and some of their routes."""
    cause = {"cause": "", "count": 7, "mean": 1.5, "longest": 2.5, "route_count": 3}
    found = slow_page.causes_table([cause | {"routes": ["GET /a", "GET /b"]}])
    assert [[cell[1] for cell in row] for row in found["rows"]] == [
        ["7", "1.50 s", "2.50 s", "GET /a, GET /b and 1 more", "not known"]
    ]


def test_a_loop_that_is_blocked_now() -> None:
    """It is a row of its own, above the requests, with how long it is and what blocks it."""
    blocked = {"worker": 1, "seconds": 3.5, "blocked_by": "/p/{id}: /srv/p.py:7 in p"}
    found = slow_page.table([SLOW | {"when": 1.0}, slow_page.blocked_now(blocked)])
    assert [cell[1] for cell in found["rows"][0][1:]] == [
        "-", "-", "(worker 1 is blocked)", "-", "-", "-", "3.50 s", "-", "-", "-", "-",
        "/p/{id}: /srv/p.py:7 in p", "-",
    ]  # fmt: skip


def test_a_request_that_is_in_flight_now() -> None:
    """It is a row as well, with how long it is there, and where it waits so far."""
    waiting = {"worker": 2, "route": "/p/{id}", "seconds": 61.5, "waits_at": "/srv/p.py:7 in p"}
    found = slow_page.table([SLOW | {"when": 1.0}, slow_page.in_flight_now(waiting)])
    assert [cell[1] for cell in found["rows"][0][1:]] == [
        "1.02 mins", "-", "/p/{id} (in flight in worker 2)", "-", "-", "-", "-", "-", "-", "-",
        "/srv/p.py:7 in p", "-", "-",
    ]  # fmt: skip
    assert "var-route=%2Fp%2F%7Bid%7D" in found["rows"][0][3][3]
    unknown = slow_page.in_flight_now(waiting | {"route": ""})
    assert slow_page.table([unknown])["rows"][0][3][1] == "(no route) (in flight in worker 2)"


def make_rule(name: str, *alerts: dict[str, Any], **more: Any) -> Any:
    return alerting_rule({"name": name, "query": "up == 0", "alerts": list(alerts), **more})


def make_alert(state: str, since: str, severity: str = "warning") -> dict[str, Any]:
    labels = {"alertname": "x", "severity": severity, "job": "shop"}
    annotations = {"summary": "s", "description": "d", "dashboard_url": "/d/x?var-job=shop"}
    return {
        "labels": labels,
        "annotations": annotations,
        "state": state,
        "activeAt": since,
        "value": "1",
    }


def test_alerts_are_grouped_by_state_and_sorted_by_severity() -> None:
    """Firing alerts come first, critical before others; then pending alerts, then rules."""
    rules = [
        make_rule("Quiet", duration=120, labels={"severity": "critical", "window": "1h"}),
        make_rule("Warns", make_alert("firing", "2026-01-01T00:00:00Z")),
        make_rule("Waits", make_alert("pending", "2026-01-01T00:00:00Z")),
        make_rule("Pages", make_alert("firing", "2026-01-02T00:00:00Z", "critical")),
    ]
    found = alerts_page.alert_groups(rules)
    assert [(one["state"], [a["name"] for a in one["alerts"]]) for one in found] == [
        ("firing", ["Pages", "Warns"]),
        ("pending", ["Waits"]),
        ("inactive", ["Quiet"]),
    ]
    page = found[0]["alerts"][0]
    assert (page["summary"], page["labels"], page["dashboard"]) == (
        "s",
        {"job": "shop"},
        "/d/x?var-job=shop",
    )
    assert found[2]["alerts"][0]["summary"] == "critical, over 1h, for 2 mins"


@pytest.mark.parametrize("url", ["javascript:alert(1)//d/x", "https://evil.example/", ""])
def test_only_dashboards_are_linked(url: str) -> None:
    """An annotation can't link to another site."""
    assert alerts_page.dashboard_path(url) == ""


def test_a_dashboard_of_a_grafana_is_linked_in_the_viewer() -> None:
    """The address of a dashboard in Grafana becomes the address in the viewer."""
    assert alerts_page.dashboard_path("https://grafana.example/d/x?var-job=a") == "/d/x?var-job=a"


def test_an_alert_without_annotations() -> None:
    """The annotations and the start of an alert are optional."""
    found = active_alert({"labels": {}, "state": "firing"})
    assert (found.annotations, found.since) == ({}, "")
