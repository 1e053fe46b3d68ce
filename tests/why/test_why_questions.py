"""The questions: each is PromQL, with and without a job, and an answer that fails is told."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sidelight.embedded.promql.engine import checked_query
from sidelight.errors import SettingsError
from sidelight.why.diagnosis import ALL_QUESTIONS
from sidelight.why.scope import Scope, scope
from tests.live.newer import newer
from tests.live.prometheus import tool
from tests.why.canned import HEALTHY, NOW, SHOP, Canned, report


@pytest.mark.parametrize("job", ["", 'a"b'])
@pytest.mark.parametrize("name", ALL_QUESTIONS)
def test_every_question_is_promql(name: str, job: str) -> None:
    """The text of each question parses, without placeholders that are left."""
    text = Scope(job, 300.0, NOW).render(ALL_QUESTIONS[name])
    checked_query(text)
    assert ('job="a\\"b"' in text) == bool(job)


@pytest.mark.newest
@pytest.mark.parametrize("promtool", [tool, newer])
def test_prometheus_parses_every_question(promtool: Callable[[str], str], tmp_path: Path) -> None:
    """An old Prometheus, and a new one, evaluate native histograms in all of them."""
    texts = (Scope("shop", 300.0, NOW).render(text) for text in ALL_QUESTIONS.values())
    rules = [{"record": f"question:{n}", "expr": text} for n, text in enumerate(texts)]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "why", "rules": rules}]}))
    command = [promtool("promtool"), "check", "rules", str(file)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert f"SUCCESS: {len(ALL_QUESTIONS)} rules found" in done.stdout, done.stderr


def test_nothing_is_wrong_with_figures() -> None:
    """A healthy service is ``ok``, with the figures of now and of an hour before."""
    found = report(Canned(HEALTHY, {"requests": [(SHOP, 50.0)]}, rules={"TargetsDown"}))
    assert (found.state, list(found.causes), list(found.unknown)) == ("ok", [], [])
    rates = {one["name"]: (one["value"], one["before"]) for one in found.to_dict()["checked"]}
    assert rates == {
        "requests": (100.0, 50.0),
        "failed requests": (0.0, None),
        "slow requests": (0.0, None),
        "mean duration": (0.05, None),
        "99th percentile": (None, None),
        "waiting for the event loop": (None, None),
    }


def test_a_refused_question_is_told() -> None:
    """What the source refuses is unknown, and the rest is answered."""
    source = Canned(HEALTHY)
    source.refused = {"failed_by_version"}
    found = report(source)
    assert found.state == "ok"
    assert "failed_by_version: refused: failed_by_version" in found.unknown


def test_a_source_that_refuses_everything_is_unknown() -> None:
    """Nothing is known where nothing is answered."""
    source = Canned(HEALTHY)
    source.refused = set(ALL_QUESTIONS)
    found = report(source)
    assert (found.state, len(found.unknown)) == ("unknown", 1)


def test_a_source_without_sidelight_is_unknown() -> None:
    """A Prometheus that scrapes other things only is not said to be healthy."""
    found = report(Canned(dict.fromkeys(HEALTHY, ())))
    assert (found.state, list(found.unknown)) == (
        "unknown",
        ["the source has no metric of Sidelight"],
    )


def test_missing_rules_are_told() -> None:
    """Without rules the report says that its own thresholds were used."""
    found = report(Canned(HEALTHY, rules=()))
    assert any("no alerting rules" in text for text in found.unknown)


def test_what_changed_is_told() -> None:
    """A version that was not there an hour before, and workers that started since."""
    now = {
        "versions": [({**SHOP, "service_version": name}, 1.0) for name in ("2.0", "1.9")],
        "started": [(SHOP, 2.0)],
        "youngest": [(SHOP, 240.0)],
    }
    found = report(Canned(now, {"versions": [({**SHOP, "service_version": "1.9"}, 1.0)]}))
    assert [one.text for one in found.changes] == [
        "The version 2.0 of shop is new; 1 h before there was 1.9.",
        "2 workers of shop started within the last 1 h, the last 4 min ago.",
    ]


@pytest.mark.parametrize("given", ["five", "1s", "2h"])
def test_a_wrong_window_is_refused(given: str) -> None:
    """The error names what was given, and a window that works."""
    with pytest.raises(SettingsError, match=f"window='{given}'.*--window 5m"):
        scope("", given, NOW)
