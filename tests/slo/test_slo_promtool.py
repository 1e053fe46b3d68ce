"""promtool's tests of every alert: when it fires, with which text, and when it does not."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sidelight.durations import to_milliseconds
from sidelight.slo.context import RuleContext
from tests.live.newer import newer
from tests.live.prometheus import tool
from tests.slo.made import SHOP, TESTS, context, every_rule, service
from tests.slo.needed import cut, read

FILES = sorted(TESTS.glob("*.yaml"))
DEFAULTS = TESTS / "defaults.yaml"
BURN_RATES = TESTS / "burn-rates.yaml"
ENVIRONMENT = {**os.environ, "GOGC": "800", "GOMAXPROCS": "1"}
"""Less garbage collection, in one thread: a third of the CPU time is saved."""
pytestmark = pytest.mark.timeout(1800)
"""Some take a minute of CPU time, which a busy machine gives in a quarter of an hour."""
RULES = [
    rule
    for each in (RuleContext(service(SHOP.read_text())), context())
    for rule in every_rule(each)
    if "alert" in rule
]
ONLY_DEFAULT = ("ServiceVanished", "warning")
"""With objectives it is critical."""
ALERTS = sorted({(rule["alert"], rule["labels"]["severity"]) for rule in RULES})


@pytest.fixture(params=["installed", pytest.param("newer", marks=pytest.mark.slow)])
def promtool(request: pytest.FixtureRequest) -> str:
    """The command of the machine, and that of a newer Debian suite."""
    return tool("promtool") if request.param == "installed" else newer("promtool")


@pytest.mark.xdist_group("promtool")
def test_rules(promtool: str, tmp_path: Path) -> None:
    """Each alert has the expected labels and annotations, from the rules that it is made from."""
    files = [name for file in FILES if file != BURN_RATES for name in cut(file, tmp_path)]
    check_tests(promtool, [name for name in files if not takes_long(tmp_path / name)], tmp_path)


@pytest.mark.slow
def test_long_rules(promtool: str, tmp_path: Path) -> None:
    """The same holds in tests of a day, and where burn rate alerts are easily wrong."""
    files = [name for file in FILES for name in cut(file, tmp_path)]
    long = [name for name in files if takes_long(tmp_path / name)]
    check_tests(promtool, [*long, *(name for name in files if BURN_RATES.stem in name)], tmp_path)


def takes_long(file: Path) -> bool:
    """Whether a test evaluates its rules for more than ten hours."""
    (test,) = read(file)["tests"]
    checks = [*test.get("alert_rule_test", []), *test.get("promql_expr_test", [])]
    return max(to_milliseconds(check["eval_time"]) for check in checks) > to_milliseconds("10h")


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_all_rules(promtool: str, file: Path) -> None:
    """The same holds among all rules, in the committed files."""
    check_tests(promtool, [file.name], file.parent)


def check_tests(promtool: str, files: list[str], folder: Path) -> None:
    """``promtool test rules`` passes."""
    done = subprocess.run(
        [promtool, "test", "rules", *files],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def expected_alerts(file: Path, alert: str, severity: str) -> list[list[list[dict[str, Any]]]]:
    """The alerts that each check of a file expects, test by test."""
    return [
        [
            [one for one in check["exp_alerts"] if one["exp_labels"]["severity"] == severity]
            for check in test.get("alert_rule_test", [])
            if check["alertname"] == alert
        ]
        for test in read(file)["tests"]
    ]


def test_every_alert_is_tested() -> None:
    """With each severity, it does not fire, then fires with exact annotations, then resolves."""
    for alert, severity in ALERTS:
        file = DEFAULTS if (alert, severity) == ONLY_DEFAULT else TESTS / f"{alert}.yaml"
        tests = expected_alerts(file, alert, severity)
        assert any(any(test[1:-1]) and not test[0] and not test[-1] for test in tests if test), (
            f"{alert} ({severity}) never fires and resolves in {file.name}"
        )
        for one in (one for test in tests for check in test for one in check):
            assert one["exp_annotations"].keys() >= {"summary", "description"}


def test_every_file_is_about_an_alert() -> None:
    """Each file of tests is named after an alert that exists."""
    names = {name for name, _ in ALERTS}
    assert {file.stem for file in FILES} - {"burn-rates", "defaults"} == names
