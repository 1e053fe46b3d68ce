"""Rules over the history: recorded samples, states of alerts, invalid rules."""

import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("numpy", reason="the extra history is not installed")

import anyio

from sidelight.embedded.history.history import History
from sidelight.embedded.promql.storage import LabelMatcher
from sidelight.embedded.rules.definition import (
    GroupDefinition,
    groups_of_files,
    groups_of_settings,
    parse_groups,
)
from sidelight.embedded.rules.evaluator import RuleEvaluator, RuleGroup
from sidelight.embedded.rules.recording import query_samples
from sidelight.errors import SettingsError
from sidelight.slo import objectives, rules
from sidelight.slo.context import RuleContext
from tests.embedded.history.filled_history import ENDED, MIB, ScrapedTarget, stored_samples


@pytest.fixture
def history() -> History:
    return History(3_600_000, 64 * MIB)


@pytest.fixture
def target(history: History) -> ScrapedTarget:
    return ScrapedTarget(history)


def group(*rules: dict[str, Any]) -> RuleGroup:
    """Return a group of these rules."""
    listed = [{"name": "test", "interval": "10s", "rules": list(rules)}]
    (one,) = parse_groups("rules.yml", {"groups": listed})
    return RuleGroup(0, one)


def named(history: History, name: str) -> dict[str, Any]:
    """Return the samples of this metric."""
    return stored_samples(history, matchers=[LabelMatcher("__name__", "=", name)])


def test_a_rule_reads_what_earlier_rules_recorded(history: History, target: ScrapedTarget) -> None:
    """A rule reads the samples that earlier rules of its group recorded at the same time."""
    running = group(
        {"record": "a:sum", "expr": "sum by (job) (a)", "labels": {"kind": "all"}},
        {"record": "a:twice", "expr": "2 * a:sum"},
        {"record": "a:scalar", "expr": "scalar(sum(a))", "labels": {"job": "shop"}},
    )
    for second in (10, 20):
        target.step(second, f'a{{n="1"}} {second}\na{{n="2"}} 1\n')
        running.evaluate(history, second * 1000 + 500)
    assert named(history, "a:sum") == {'a:sum{kind="all"}': {10: 11, 20: 21}}
    assert named(history, "a:twice") == {'a:twice{kind="all"}': {10: 22, 20: 42}}
    assert named(history, "a:scalar") == {"a:scalar": {10: 11, 20: 21}}


def test_a_series_that_a_rule_no_longer_returns_ends(
    history: History, target: ScrapedTarget
) -> None:
    """A series gets a staleness marker at the evaluation that does not return it."""
    running = group({"record": "a:big", "expr": "a > 5"})
    for second, value in ((10, 7), (20, 1), (30, 1), (40, 9)):
        target.step(second, f"a {value}\n")
        running.evaluate(history, second * 1000)
    assert named(history, "a:big") == {"a:big": {10: 7, 20: ENDED, 40: 9}}


def test_failures_are_reported_and_counted(history: History, target: ScrapedTarget) -> None:
    """A failure is shown and counted, does not stop other rules, and ends with a success."""
    running = group(
        {"record": "a:bad", "expr": "a * on (job) b"},
        {"record": "a:good", "expr": "sum by (job) (a)"},
    )
    target.step(10, 'a 1\nb{n="1"} 1\nb{n="2"} 1\n')
    running.evaluate(history, 10_000)
    bad, good = running.rules
    assert (bad.health, good.health, bad.failures) == ("err", "ok", 1)
    assert "found duplicate series for the match group" in bad.error
    target.step(20, 'a 1\nb{n="1"} 1\n')
    running.evaluate(history, 20_000)
    assert (bad.health, bad.error, bad.failures) == ("ok", "", 1)


def test_duplicate_label_sets_are_errors(history: History, target: ScrapedTarget) -> None:
    """A rule whose labels make two series equal fails with Prometheus's message."""
    running = group(
        {"record": "a:one", "expr": "a", "labels": {"n": "x"}},
        {"alert": "One", "expr": "a", "labels": {"n": "x"}},
    )
    target.step(10, 'a{n="1"} 1\na{n="2"} 1\n')
    running.evaluate(history, 10_000)
    for rule, kind in zip(running.rules, ("rule", "alert"), strict=True):
        assert rule.error == (
            f"vector contains metrics with the same labelset after applying {kind} labels"
        )


def test_two_rules_may_not_record_one_series(
    history: History, target: ScrapedTarget, logged: pytest.LogCaptureFixture
) -> None:
    """The first rule records the series until it ends there, then the other; the log warns once."""
    rule = {"record": "a:sum", "labels": {"job": "shop"}}
    running = group(rule | {"expr": "a < 25"}, rule | {"expr": "a * 100"})
    counted = []
    for second in (10, 20, 30, 40):
        target.step(second, f"a {second}\n")
        running.evaluate(history, second * 1000)
        counted.append(query_samples(history, "count(a:sum)", second * 1000))
    assert counted == [[({}, 1.0)]] * 4
    assert named(history, "a:sum") == {"a:sum": {10: 10, 20: 20, 30: 3000, 40: 4000}}
    assert len(logged.messages) == 1
    assert "another rule records" in logged.messages[0]


def test_the_states_of_an_alert(history: History, target: ScrapedTarget) -> None:
    """An alert is pending for 20 s, fires, fires 20 s longer, and ends; ALERTS has the same."""
    rule = {"alert": "High", "expr": "a > 5", "for": "20s", "keep_firing_for": "20s"}
    running = group({**rule, "labels": {"severity": "page"}})
    states = []
    for second, value in enumerate([1, 7, 8, 9, 9, 1, 1, 1, 1]):
        target.step(second * 10, f"a {value}\n")
        running.evaluate(history, second * 10_000)
        alerting = running.rules[0].alerting
        assert alerting
        states.append([(one.state, one.value, one.active_at) for one in alerting.active.values()])
    assert states == [
        [],
        [("pending", 7, 10_000)],
        [("pending", 8, 10_000)],
        [("firing", 9, 10_000)],
        [("firing", 9, 10_000)],
        [("firing", 9, 10_000)],
        [("firing", 9, 10_000)],
        [],
        [],
    ]
    labels = 'alertname="High",alertstate="{}",severity="page"'
    assert named(history, "ALERTS") == {
        f"ALERTS{{{labels.format('pending')}}}": {10: 1, 20: 1, 30: ENDED},
        f"ALERTS{{{labels.format('firing')}}}": {30: 1, 40: 1, 50: 1, 60: 1, 70: ENDED},
    }
    assert named(history, "ALERTS_FOR_STATE") == {
        'ALERTS_FOR_STATE{alertname="High",severity="page"}': {
            **dict.fromkeys((10, 20, 30, 40, 50, 60), 10),
            70: ENDED,
        }
    }


def test_a_pending_alert_that_pauses_restarts(history: History, target: ScrapedTarget) -> None:
    """After one evaluation without a result the duration of a pending alert restarts."""
    running = group({"alert": "High", "expr": "a > 5", "for": "20s"})
    states = []
    for second, value in enumerate([7, 7, 1, 7, 7, 7]):
        target.step(second * 10, f"a {value}\n")
        running.evaluate(history, second * 10_000)
        alerting = running.rules[0].alerting
        assert alerting
        states.append("".join(one.state for one in alerting.active.values()))
    assert states == ["pending", "pending", "", "pending", "pending", "firing"]


def test_an_evaluation_that_is_late_is_skipped(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While an evaluation takes 1.5 intervals, each one starts 2 intervals after the last."""
    evaluator = RuleEvaluator(history, [GroupDefinition("a", "f", 40, ())], 0.0)
    starts = []

    def evaluate(*_: object) -> None:
        starts.append(time.monotonic())
        if len(starts) == 3:
            raise InterruptedError
        time.sleep(0.06)

    monkeypatch.setattr(evaluator.groups[0], "evaluate", evaluate)
    begin = time.monotonic()
    with pytest.raises(InterruptedError):
        anyio.run(evaluator.run)
    assert starts[1] - begin > 0.079
    assert starts[2] - begin > 0.159


def test_generated_rules_are_supported() -> None:
    """Every rule that Sidelight generates, with and without objectives, is evaluated."""
    found = [
        *groups_of_settings(rules.groups(RuleContext(objectives.default()))),
        *groups_of_files([str(SHOP)]),
    ]
    assert {rule.kind for one in found for rule in one.rules} == {"record", "alert"}
    history = History(3_600_000, 64 * MIB)
    target = ScrapedTarget(history)
    for second in range(0, 60, 5):
        target.step(second, "up 1\n")
    for number, one in enumerate(found):
        running = RuleGroup(number, one)
        running.evaluate(history, 60_000)
        assert {(rule.definition.name, rule.error) for rule in running.rules if rule.error} == set()


SHOP = Path(__file__).parents[3] / "deploy/prometheus/tests/shop.yml"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "has no list of groups"),
        ("groups: 1", "has no list of groups"),
        ("groups: [{rules: []}]", "has a group without a name"),
        ("groups: [{name: a, rules: [{expr: up}]}]", 'neither "record" nor "alert"'),
        ("groups: [{name: a, rules: [{record: b, alert: c, expr: up}]}]", 'neither "record"'),
        ("groups: [{name: a, rules: [{record: 'b c', expr: up}]}]", "is not the name of a metric"),
        ("groups: [{name: a, rules: [{record: b, expr: 'sum('}]}]", "parse error"),
        ("groups: [{name: a, rules: [{record: b, expr: 'holt_winters(up[5m], 1, 1)'}]}]", "holt_w"),
        ("groups: [{name: a, rules: [{record: b, expr: up, for: 1m}]}]", "for is not supported"),
        ("groups: [{name: a, limit: 5, rules: []}]", "limit is not supported"),
        ("groups: [{name: a, interval: soon, rules: []}]", "interval='soon' is not a duration"),
        ("groups: [{name: a, interval: 5, rules: []}]", "interval=5 is not a duration"),
        ("groups: [{name: a, rules: [{alert: b, expr: up, for: 5}]}]", "for=5 is not a duration"),
        ("groups: [{name: a, interval: 0s, rules: []}]", "interval='0s' is not a duration"),
        (
            "groups: [{name: a, rules: [{alert: b, expr: up, labels: [x]}]}]",
            "labels must be a table",
        ),
        ("groups: [{name: a, rules: [{alert: b, expr: up, labels: {x: '{{ tmpl }}'}}]}]", "'tmpl'"),
        ("groups: [{name: a, rules: [{alert: b, expr: up, labels: {x: '{{ if 1 }}'}}]}]", "end"),
        ("{", "can't be read"),
        ("a: !!python/object:os.system {}", "can't be read"),
    ],
)
def test_invalid_rules_are_refused(tmp_path: Path, content: str, problem: str) -> None:
    """The message has the file, the group, the rule, the problem, and how to make a valid file."""
    file = tmp_path / "rules.yml"
    file.write_text(content)
    with pytest.raises(SettingsError, match="sidelight rules build") as caught:
        list(groups_of_files([str(file)]))
    assert problem in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The message names a file that can't be read."""
    with pytest.raises(SettingsError, match="No such file"):
        list(groups_of_files([str(tmp_path / "none.yml")]))


def test_the_default_interval_is_one_minute() -> None:
    """A group without an interval is evaluated every minute."""
    (one,) = parse_groups("f", {"groups": [{"name": "a", "rules": []}]})
    assert one == GroupDefinition("a", "f", 60_000, ())
