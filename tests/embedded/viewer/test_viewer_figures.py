"""Single numbers, and what pages without a dashboard show."""

import math
from typing import Any

import pytest

from sidelight.embedded.viewer import alerts_page, slow_page
from sidelight.embedded.viewer.empty import parts
from sidelight.embedded.viewer.figures import bars, gauges, stat
from sidelight.embedded.viewer.prometheus import alert, rule
from sidelight.embedded.viewer.variables import Chosen
from tests.embedded.viewer.made import (
    answer,
    made_board,
    made_panel,
    override,
    panel_json,
    series,
    target,
)

HERE = Chosen({}, "now-1h", "now")
EVERY = {"id": "byRegexp", "options": ".*"}
STEPS = [{"value": None, "color": "#111111"}, {"value": 0.5, "color": "#222222"}]


def number(kind: str, **options: Any) -> Any:
    return made_panel(
        kind,
        targets=[target(legend="{{job}}")],
        options={"reduceOptions": {"calcs": ["lastNotNull"]}, **options},
        fieldConfig={"defaults": {"unit": "percentunit", "thresholds": {"steps": STEPS}}},
    )


def test_a_stat() -> None:
    """The newest value that there is, with its unit and the colour of its threshold."""
    found = answer(series({"job": "a"}, (1, 0.25), (2, 0.75), (3, math.nan)))
    assert stat(number("stat", textMode="value"), [found]) == [
        {"text": "75%", "name": "", "colour": "#222222", "words": False}
    ]


def test_a_stat_of_names() -> None:
    """In the mode "name" a series' name is shown in place of its value."""
    found = answer(series({"job": "Sidelight 0.1.0"}, (1, 1)))
    assert stat(number("stat", textMode="name"), [found])[0]["text"] == "Sidelight 0.1.0"


def test_several_stats_have_names() -> None:
    """In the mode "auto" several values are told apart by their names."""
    found = answer(series({"job": "a"}, (1, 1)), series({"job": "b"}, (1, 0)))
    assert [one["name"] for one in stat(number("stat", textMode="auto"), [found])] == ["a", "b"]


def test_no_number_is_no_stat() -> None:
    """NaN is no figure."""
    assert stat(number("stat"), [answer(series({}, (1, math.nan)))]) == []


def test_bars() -> None:
    """A bar is as full as its value is between the ends; 100 % is the end of a share."""
    found = answer(series({"job": "a"}, (1, 0.25)), series({"job": "b"}, (1, 7)))
    assert bars(number("bargauge"), [found], HERE) == [
        {
            "name": "a",
            "text": "25%",
            "colour": "#111111",
            "ink": "#111111",
            "full": 0.25,
            "href": "",
        },
        {
            "name": "b",
            "text": "700%",
            "colour": "#222222",
            "ink": "#222222",
            "full": 1.0,
            "href": "",
        },
    ]


def test_a_bar_leads_on() -> None:
    """A bar's link has its series' labels in it, percent-encoded; a value may be plain text."""
    links = [{"url": "/d/x?${__url_time_range}&var-job=${__field.labels.job}"}]
    panel = made_panel(
        "bargauge",
        options={"valueMode": "text"},
        fieldConfig={"overrides": [{**override("x", links=links), "matcher": EVERY}]},
    )
    (found,) = bars(panel, [answer(series({"job": "a&b"}, (1, 1)))], HERE)
    assert found["href"] == "/d/x?from=now-1h&to=now&var-job=a%26b"
    assert found["ink"] == ""


def test_gauges() -> None:
    """A dial a series, side by side, with the thresholds as bands."""
    found = gauges(
        number("gauge"), [answer(series({"job": "a"}, (1, 0.25)), series({"job": "b"}, (1, 1)))]
    )
    assert found is not None
    first, second = found["series"]
    assert (first["center"], second["center"]) == (["25%", "60%"], ["75%", "60%"])
    assert (first["min"], first["max"], first["color"]) == (0, 1, "#111111")
    assert first["bands"] == [(0.5, "#111111"), (1.0, "#222222")]
    assert first["data"] == [{"value": 0.25, "name": "a", "text": "25%"}]
    assert gauges(number("gauge"), [answer()]) is None


def test_a_threshold_at_zero_has_its_band() -> None:
    """Each step of a dial's ring goes up to where the next begins, though that be zero."""
    steps = [
        {"value": value, "color": colour}
        for value, colour in zip((None, 0, 0.25), "abc", strict=True)
    ]
    defaults = {"unit": "percentunit", "min": 0, "max": 1, "thresholds": {"steps": steps}}
    found = gauges(
        made_panel("gauge", fieldConfig={"defaults": defaults}), [answer(series({}, (1, -2)))]
    )
    assert found is not None
    assert found["series"][0]["bands"] == [(0.0, "a"), (0.25, "b"), (1.0, "c")]


def test_words_for_nothing_lead_on() -> None:
    """Where they say "see" and a dashboard, that is a link which keeps time and variables."""
    health = made_board(panel_json("text"), title="Sidelight / Telemetry health", uid="sidelight-h")
    chosen = Chosen({"job": ("a",)}, "now-1h", "now")
    assert parts("No rules: see Telemetry health", [health], chosen) == [
        {"text": "No rules: see ", "href": ""},
        {"text": "Telemetry health", "href": "/d/sidelight-h?from=now-1h&to=now&var-job=a"},
    ]
    assert parts("No traffic", [health], chosen) == [{"text": "No traffic", "href": ""}]


SLOW = {
    "when": 1_800_000_000.5,
    "route": "/p/{id}",
    "method": "GET",
    "status": 503,
    "seconds": 1.25,
    "first_byte": 0.5,
    "phases": {"body": 0.00002, "endpoint": 0.9, "dependencies": 0.1},
    "loop_blocked": 0.6,
    "threads_waiting": 0,
}


def test_slow_requests() -> None:
    """The newest first: what each met in words, and its route leads to the route's dashboard."""
    bare = {key: SLOW[key] for key in ("method", "seconds")} | {"when": 1_800_000_001}
    found = slow_page.table([SLOW, bare])
    assert [row[0][0] for row in found["rows"]] == [1_800_000_001, 1_800_000_000.5]
    assert [cell[1] for cell in found["rows"][1][1:]] == [
        "1.25 s", "GET", "/p/{id}", "503", "500 ms", "600 ms", "0",
        "endpoint 900 ms, dependencies 100 ms", "-",
    ]  # fmt: skip
    assert found["rows"][1][3][3] == (
        "/d/sidelight-route?from=now-1h&to=now&var-route=%2Fp%2F%7Bid%7D"
    )
    assert [cell[1] for cell in found["rows"][0][3:]] == ["(no route)", *["-"] * 6]


def made_rule(name: str, *alerts: dict[str, Any], **more: Any) -> Any:
    return rule({"name": name, "query": "up == 0", "alerts": list(alerts), **more})


def made_alert(state: str, since: str, severity: str = "warning") -> dict[str, Any]:
    labels = {"alertname": "x", "severity": severity, "job": "shop"}
    said = {"summary": "s", "description": "d", "dashboard_url": "/d/x?var-job=shop"}
    return {"labels": labels, "annotations": said, "state": state, "activeAt": since, "value": "1"}


def test_alerts_are_by_state_and_severity() -> None:
    """What fires comes first, the critical before the rest; then what is pending; then quiet."""
    rules = [
        made_rule("Quiet", duration=120, labels={"severity": "critical", "window": "1h"}),
        made_rule("Warns", made_alert("firing", "2026-01-01T00:00:00Z")),
        made_rule("Waits", made_alert("pending", "2026-01-01T00:00:00Z")),
        made_rule("Pages", made_alert("firing", "2026-01-02T00:00:00Z", "critical")),
    ]
    found = alerts_page.groups(rules)
    assert [(one["state"], [a["name"] for a in one["alerts"]]) for one in found] == [
        ("firing", ["Pages", "Warns"]),
        ("pending", ["Waits"]),
        ("inactive", ["Quiet"]),
    ]
    assert alerts_page.firing(rules) == 2
    page = found[0]["alerts"][0]
    assert (page["summary"], page["labels"], page["dashboard"]) == (
        "s",
        {"job": "shop"},
        "/d/x?var-job=shop",
    )
    assert found[2]["alerts"][0]["summary"] == "critical, over 1h, for 2 mins"


@pytest.mark.parametrize("url", ["javascript:alert(1)//d/x", "https://evil.example/", ""])
def test_only_our_own_dashboards_are_linked(url: str) -> None:
    """An annotation can't lead a reader elsewhere."""
    assert alerts_page.inside(url) == ""


def test_a_dashboard_on_another_grafana_is_our_own() -> None:
    """Where the rules name a Grafana's whole address, its dashboard is the viewer's."""
    assert alerts_page.inside("https://grafana.example/d/x?var-job=a") == "/d/x?var-job=a"


def test_an_alert_without_words() -> None:
    """An alert of somebody else's rule may say nothing."""
    found = alert({"labels": {}, "state": "firing"})
    assert (found.annotations, found.since, found.value) == ({}, "", "")
