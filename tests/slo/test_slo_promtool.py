"""What promtool says of every alert: when it fires, with which words, and when it doesn't."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from sidelight.slo import rules
from sidelight.slo.context import RuleContext
from tests.deploy.artefacts import run
from tests.slo.made import SHOP, TESTS, plan, service
from tests.slo.needed import cut

DEBIAN = "Debian: prometheus"
DIFFERENCE = re.compile(
    r"alertname: (\w+), time: \w+,.*?exp:\[(.*?)\n?\s*\], *\n\s*got:\[(.*?)\n?\s*\]\n", re.DOTALL
)
LABELS = re.compile(r"Labels:\{(.*?)\}\s*\n")
FILES = sorted(TESTS.glob("*.yaml"))
EACH = [
    pytest.param(file, marks=pytest.mark.slow) if file.stem == "burns" else file for file in FILES
]
"""The matrix of all burns takes forty seconds; each alert of it has a file of its own besides."""
ALERTS = sorted(
    {*rules.alert_names(RuleContext(service(SHOP.read_text()))), *rules.alert_names(plan())}
)


@pytest.mark.parametrize("file", EACH, ids=lambda file: file.stem)
def test_rules(file: Path, tmp_path: Path) -> None:
    """Every alert, label, annotation and figure is as it should be, by the rules it is made of."""
    promtool_agrees(cut(file, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_all_rules(file: Path) -> None:
    """So it is among all rules, in the files as they are for everybody."""
    promtool_agrees(file)


def promtool_agrees(file: Path) -> None:
    """What ``promtool test rules`` says of a file.

    Of Prometheus 3, which counts one end of a window only, figures may differ, alerts may not.
    """
    if run("promtool", "--version", package=DEBIAN).stdout.startswith("promtool, version 2."):
        run("promtool", "test", "rules", file.name, package=DEBIAN, where=file.parent)
        return
    done = subprocess.run(
        ["promtool", "test", "rules", file.name],
        cwd=file.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    found = DIFFERENCE.findall(said)
    assert bool(found) is bool(done.returncode), said
    for alert, expected, got in found:
        assert LABELS.findall(expected) == LABELS.findall(got), (alert, said)


def checks(alert: str) -> list[list[dict[str, Any]]]:
    """The checks of an alert's own file, test by test."""
    tests = yaml.safe_load((TESTS / f"{alert}.yaml").read_text())["tests"]
    return [[c for c in test["alert_rule_test"] if c["alertname"] == alert] for test in tests]


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_is_tested(alert: str) -> None:
    """Its file has it not fire, then fire with exact annotations, then resolve, and not fire."""
    lives = [[bool(check["exp_alerts"]) for check in test] for test in checks(alert)]
    assert any(True in life and not life[0] and not life[-1] for life in lives), (
        "it never fires and resolves"
    )
    for test in checks(alert):
        for check in test:
            for expected in check["exp_alerts"]:
                assert expected["exp_annotations"].keys() >= {"summary", "description"}


def test_every_file_is_about_an_alert() -> None:
    """No file of tests is left of an alert that is gone."""
    assert {file.stem for file in FILES} - {"burns", "defaults"} == set(ALERTS)
