"""The files of rules: the committed ones are up to date, and Prometheus accepts all."""

import json
import re
import tomllib
from collections import Counter
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest
import yaml

from sidelight.contract import METRICS
from sidelight.project import PROJECT_URL
from sidelight.route_pattern import RoutePattern
from sidelight.slo import names, objectives, rules, windows
from sidelight.slo.context import RuleContext
from tests.deploy.artefacts import run
from tests.slo.made import (
    PROMETHEUS,
    ROOT,
    SHOP,
    TESTS,
    alerts,
    context,
    every_rule,
    recorded,
    service,
)

DEBIAN = "Debian: prometheus"
LATENCY = 'service = "a"\n[slo]\nlatency = "99% < 1s"\n'
METRIC = re.compile(
    r"(?<![:\w])((?:http|fastapi|sidelight|process|asyncio|anyio|db)_\w+?)"
    r"(?:_bucket|_sum|_count)?\b(?=[{\[)]| )"
)
LABELS = {label for metric in METRICS.values() for label in metric.labels}


def shop() -> RuleContext:
    return RuleContext(service(SHOP.read_text()))


def test_the_default_rules_are_up_to_date() -> None:
    """The committed file is what the code makes."""
    made = rules.text(RuleContext(objectives.default()))
    assert (PROMETHEUS / "rules" / "sidelight.yml").read_text() == made


def test_the_rules_under_test_are_up_to_date() -> None:
    """The file that `promtool test rules` reads is what the code makes."""
    assert (TESTS / "shop.yml").read_text() == rules.text(shop())


@pytest.mark.parametrize("file", ["rules/sidelight.yml", "tests/shop.yml"])
def test_generated_files_say_so(file: str) -> None:
    """The first line says which command made the file, and not to edit it."""
    assert (PROMETHEUS / file).read_text().splitlines()[0] == rules.HEAD.strip()
    assert "DO NOT EDIT" in rules.HEAD


def test_promtool_accepts_the_rules(tmp_path: Path) -> None:
    """``promtool check rules`` accepts each build, and finds no duplicates."""
    builds = (
        "",
        SHOP.read_text(),
        LATENCY + "first_byte = true\nexclude = ['/a/*', 'GET /b']\nroot_path = '/x'",
        'service = "a \\"b\\" \\\\ %[1]s"\nslo = { availability = "99%" }',
        'selector = \'job=~"a-.*",namespace="x"\'\nslo = { latency = "99% < 1s" }',
    )
    files = []
    for number, (text, scale) in enumerate(product(builds, ("1", "1/60", "1/7"))):
        files.append(tmp_path / f"{number}.yml")
        files[-1].write_text(rules.text(context(text, scale)))
    done = run("promtool", "check", "rules", *map(str, files), package=DEBIAN)
    assert done.stdout.count("SUCCESS") == len(files)


def test_the_operators_format() -> None:
    """A PrometheusRule holds the same groups, under a name that DNS allows."""
    of = context('service = "Shop & Co"\nslo = { availability = "99%" }')
    found = yaml.safe_load(rules.text(of, "operator"))
    assert (found["apiVersion"], found["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", found["metadata"]["name"])
    assert found["spec"] == yaml.safe_load(rules.text(of))


def test_every_metric_is_in_the_contract() -> None:
    """Each metric in an expression or an annotation is in the contract."""
    for rule in (*every_rule(shop()), *every_rule(context())):
        texts = [rule["expr"], *rule.get("annotations", {}).values()]
        for name in METRIC.findall(" ".join(texts)):
            assert name in METRICS or name in LABELS, (name, rule)


def test_raw_series_are_read_over_one_window_only() -> None:
    """A recording rule reads raw series over 5 minutes; longer windows read recorded series."""
    for rule in every_rule(shop()):
        if "record" in rule:
            for window in re.findall(r"(?:rate|increase)\([^)]*\[(\w+)\]", rule["expr"]):
                assert window == "5m"
            if "sum_over_time" in rule["expr"]:
                assert "slo:" in rule["expr"]
                assert "http_server_request_duration" not in rule["expr"]


def test_errors_are_counted_with_count() -> None:
    """Ratios of errors are sums of _count, and never of _bucket."""
    of = context('service = "a"\nslo = { availability = "99%" }')
    (total,) = recorded(of, names.TOTAL_RATE)
    (bad,) = recorded(of, names.BAD_RATE)
    assert names.ROUTE_CLASS in total
    assert "bucket" not in total + bad
    assert names.ROUTE_STATUS in recorded(of, names.ROUTE_CLASS)[0]
    (base,) = recorded(of, names.ROUTE_STATUS)
    assert "http_server_request_duration_seconds_count" in base


def test_names_have_a_level_a_metric_and_an_operation() -> None:
    """Recorded names are level:metric:operation."""
    for rule in every_rule(shop()):
        if "record" in rule:
            assert re.fullmatch(
                r"[a-z_]+:[a-z_]+:[a-z_]+\d*[mhdw]?|slo:[a-z_]+:ratio", rule["record"]
            )


def test_decimals_are_exact() -> None:
    """No number in an expression has the rounding error of a binary fraction."""
    text = 'service = "a"\nslo = { availability = "99.97%", latency = "99.99% < 70ms" }'
    for rule in every_rule(context(text)):
        for number in re.findall(r"\d+\.\d+", rule["expr"]):
            assert len(number) <= 8, number
    of = context(text)
    assert [e.rpartition(" ")[2] for e in recorded(of, names.BUDGET)] == ["0.0003", "0.0001"]
    assert "> 0.00432 and" in alerts(of, "AvailabilityErrorBudgetBurn")[0]["expr"]


def test_an_objective_says_its_seconds_and_its_window() -> None:
    """The seconds of a latency and the window of the budget are recorded."""
    of = context('service = "a"\nslo = { availability = "99%", latency = "99% < 300ms" }')
    (line,) = recorded(of, names.SECONDS, slo="latency")
    assert line.endswith(" + 0.3")
    assert recorded(of, names.SECONDS, slo="availability") == []
    (window,) = recorded(of, names.WINDOW)
    assert window.endswith(" + 2592000")
    (drill,) = recorded(
        context('service = "a"\nslo = { availability = "99%" }', "1/60"), names.WINDOW
    )
    assert drill.endswith(" + 43200")


@pytest.mark.parametrize(
    ("latency", "matcher"),
    [
        ("1s", r'le=~"1(\\.0)?"'),
        ("300ms", r'le=~"0\\.3"'),
        ("2.5s", r'le=~"2\\.5"'),
        ("10s", r'le=~"10(\\.0)?"'),
    ],
)
def test_le_has_two_spellings(latency: str, matcher: str) -> None:
    """A whole boundary matches 1 and 1.0, and a fraction matches itself only."""
    (over,) = recorded(
        context(f'service = "a"\nslo = {{ latency = "99% < {latency}" }}'), names.ROUTE_OVER
    )
    assert matcher in over


def test_a_route_is_matched_whole() -> None:
    """Braces and dots of a template are matched literally; only a /* at its end is a pattern."""
    assert RoutePattern("GET", "/a.b/{id}").matchers == (
        'http_request_method="GET",http_route="/a.b/{id}"'
    )
    assert RoutePattern("", "/a.b/*").matchers == 'http_route=~"/a\\\\.b/.*"'


def test_a_stream_is_not_in_the_services_latency() -> None:
    """The service's latency excludes routes that are measured to their first byte."""
    of = context(
        LATENCY + '[[slo.route]]\nmatch = "GET /feed"\nlatency = "95% < 1s"\nfirst_byte = true\n'
    )
    total, stream = recorded(of, names.TOTAL_RATE)
    bad, _ = recorded(of, names.BAD_RATE)
    feed = 'job="a",http_request_method="GET",http_route="/feed"'
    assert f" unless {names.ROUTE_STATUS}{{{feed}}} unless on " in total
    assert f" unless {names.ROUTE_OVER}{{{feed}}}" in bad
    assert stream == f"sum by (job) ({names.STARTS}{{{feed}}})"


def test_a_service_that_streams() -> None:
    """With first_byte, streaming routes are measured to the first byte, and others to the end."""
    of = context(LATENCY + "first_byte = true")
    (total,), (over,) = recorded(of, names.TOTAL_RATE), recorded(of, names.ROUTE_OVER)
    streams = f'on (job, http_request_method, http_route) {names.STARTS}{{job="a"}}'
    assert total.endswith(f'unless {streams} or {names.STARTS}{{job="a"}})')
    assert f" unless {streams} or (sum by " in over


def test_event_streams_need_no_setting() -> None:
    """Without first_byte, only event streams are measured to the first byte."""
    of = context(LATENCY)
    (total,), (over,) = recorded(of, names.TOTAL_RATE), recorded(of, names.ROUTE_OVER)
    streams = f'on (job, http_request_method, http_route) {names.EVENTS}{{job="a"}}'
    assert total.endswith(f'unless {streams} or {names.STARTS}{{job="a"}} and {streams})')
    assert f" unless {streams} or (sum by " in over
    assert over.endswith(f" and {streams}))")


def test_rates_of_a_latency_are_of_one_evaluation() -> None:
    """In vmalert, recorded series are those of the evaluation before: no rule mixes both.

    A rule of raw series reads recorded ones only to select routes.
    """
    selection = re.compile(r"(?:unless|and) on \([^)]*\) \w+:[\w:]+\{[^}]*\}")
    for of in (shop(), context(LATENCY), context(LATENCY + "first_byte = true")):
        for over in recorded(of, names.ROUTE_OVER):
            assert re.findall(r"\w+:[\w:]+", selection.sub("", over)) == []
        for name in (names.TOTAL_RATE, names.BAD_RATE):
            for rate in recorded(of, name, slo="latency"):
                assert not re.search(r"\[\w+\]", rate)


NATIVE_RECORDINGS = {names.ROUTE_DURATIONS, names.SERVICE_DURATIONS}


def recorded_names(text: str) -> list[str]:
    """What the rules of a file record, in its order."""
    return re.findall("record: (.+)", text)


def test_no_native_histograms_for_other_engines() -> None:
    """With classic histograms only, the rules are the same without what reads native ones."""
    for text in (SHOP.read_text(), ""):
        both = rules.text(RuleContext(context(text).service))
        classic = rules.text(RuleContext(context(text).service, native=False))
        assert "histogram_count(" in both
        assert not re.search(r"histogram_(count|sum|fraction)\(", classic)
        assert "native>" not in both + classic
        assert recorded_names(classic) == [
            name for name in recorded_names(both) if name not in NATIVE_RECORDINGS
        ]
        assert len(recorded_names(both)) - len(recorded_names(classic)) == 2
        assert both.count("alert:") == classic.count("alert:")


def test_an_impossible_burn_rate_has_no_rule() -> None:
    """At 90 % there is no rule for a burn rate of 14.4, and the other three are there."""
    of = context('service = "a"\nslo = { availability = "90%" }')
    found = alerts(of, "AvailabilityErrorBudgetBurn")
    assert [rule["labels"]["window"] for rule in found] == ["6h", "1d", "3d"]


def test_the_floor_is_the_users() -> None:
    """Each burn rate alert compares `min_bad_events` with its long window."""
    of = context('service = "a"\nslo = { availability = "99%", min_bad_events = 25 }')
    burn_rates = alerts(of, "AvailabilityErrorBudgetBurn")
    assert len(burn_rates) == len(windows.BURN_RATES)
    for rule in burn_rates:
        assert rule["expr"].endswith(" >= 25")
        assert names.bad(rule["labels"]["window"]) in rule["expr"]


def test_every_alert_is_complete() -> None:
    """Each alert has a ``for``, a severity, a service, a summary, a first action and two links."""
    for of in (shop(), context()):
        for rule in every_rule(of):
            if "alert" in rule:
                assert rule["for"] != "0s"
                assert rule["labels"]["severity"] in {"critical", "warning"}
                assert rule["labels"]["service"] == of.service_label
                notes = rule["annotations"]
                assert " First: " in notes["description"]
                assert notes["runbook_url"] == f"{PROJECT_URL}/docs/runbooks/{rule['alert']}.md"
                assert notes["dashboard_url"].startswith(f"{PROJECT_URL}/d/")
                assert not re.search(r"<[\w,]+>", str(rule)), rule


def test_every_alert_opens_a_dashboard() -> None:
    """The dashboard exists and has each variable in the link, and a route opens the route's."""
    for of in (
        shop(),
        context(),
        context('selector = \'app="x"\'\nslo = { availability = "99%" }'),
    ):
        for rule in every_rule(of):
            if "alert" in rule:
                url = rule["annotations"]["dashboard_url"]
                uid = url.removeprefix(f"{PROJECT_URL}/d/").partition("?")[0]
                board = json.loads((ROOT / "dashboards" / "json" / f"{uid}.json").read_text())
                there = {one["name"] for one in board["templating"]["list"]}
                assert set(re.findall(r"var-(\w+)=", url)) <= there
                about_one = "$labels.http_route" in rule["annotations"]["summary"]
                about_one |= bool(rule["labels"].get("http_route"))
                assert about_one == (uid == "sidelight-route") == ("var-route=" in url), url


def test_users_add_labels_annotations_and_addresses() -> None:
    """Each alert has the user's labels and annotations, and links with the user's addresses."""
    of = context(
        'service = "a"\n[slo]\navailability = "99%"\nlabels = { team = "x" }\n'
        'annotations = { chat = "#x" }\nrunbook_base = "https://wiki.example/r/"\n'
        'dashboard_base = "https://grafana.example"'
    )
    for rule in every_rule(of):
        if "alert" in rule:
            assert rule["labels"]["team"] == "x"
            assert rule["annotations"]["chat"] == "#x"
            assert (
                rule["annotations"]["runbook_url"] == f"https://wiki.example/r/{rule['alert']}.md"
            )
            assert rule["annotations"]["dashboard_url"].startswith("https://grafana.example/d/")


def test_the_window_is_the_users() -> None:
    """The error budget is that of the user's window, and the description names it."""
    of = context('service = "a"\nslo = { availability = "99%", window = "4w" }')
    assert recorded(of, names.ratio("4w"))
    (rule,) = alerts(of, "ErrorBudgetExhausted")
    assert "over the last 4w" in rule["annotations"]["description"]


def test_no_rule_is_there_twice() -> None:
    """No two rules record or fire under the same name and labels."""
    for of in (shop(), context()):
        keys = Counter(
            (rule.get("record") or rule["alert"], *sorted(rule.get("labels", {}).items()))
            for rule in every_rule(of)
        )
        assert [key for key, number in keys.items() if number > 1] == []


def test_critical_alerts() -> None:
    """Only alerts about what affects users now are critical."""
    critical = {
        rule["alert"]
        for rule in every_rule(shop())
        if rule.get("labels", {}).get("severity") == "critical"
    }
    assert critical == {
        "AvailabilityErrorBudgetBurn",
        "LatencyErrorBudgetBurn",
        "RequestsStuck",
        "ServiceVanished",
        "TargetsDown",
        "TrafficStopped",
        "WorkerBlocked",
    }


def test_scales_are_fractions() -> None:
    """Durations are valid for Prometheus with any scale."""
    of = RuleContext(objectives.default(), Fraction(1, 7))
    assert all(re.fullmatch(r"(\d+(ms|[smhd]))+", group["interval"]) for group in rules.groups(of))


def test_the_project_has_one_address() -> None:
    """The links of pyproject.toml start with the address that the alerts' links start with."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert all(url.startswith(f"{PROJECT_URL}/") for url in project["urls"].values())
