"""The computations and configurations in ``docs/scale.md`` are right."""

import re
from pathlib import Path

import pytest

from sidelight.contract import DURATION_BUCKETS
from sidelight.settings import Settings
from sidelight.slo import names
from sidelight.slo.context import RuleContext
from sidelight.slo.objectives import default
from sidelight.slo.rules import groups
from tests.deploy.arithmetic import (
    RECORDED_OBJECTIVE,
    RECORDED_OTHER,
    RECORDED_REST,
    RECORDED_USED,
    ROOT,
    TEXT,
    ZIPPED,
    Service,
    disk,
    tables,
)
from tests.deploy.artefacts import DEPLOY, load, manifest, run
from tests.deploy.instance_series import REST, UNUSED, USED, WORKER

PAGE = (ROOT / "docs" / "scale.md").read_text()
TIMES = PAGE.replace("\N{MULTIPLICATION SIGN}", "x")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_the_tables_are_computed_by_the_formulas() -> None:
    """Every row of numbers on the page is computed again, and there is no other row."""
    rows = [row for table in tables(Service()) for row in table]
    assert re.findall(r"^\| [\d,]+ \|.*$", PAGE, re.MULTILINE) == rows


def test_the_text_names_the_figures_of_the_benchmark() -> None:
    """The text has the measured series of a route and bytes of a series."""
    service = Service()
    formula = f"{USED} x routes in use + {UNUSED} x other routes + {WORKER} x workers + {REST}"
    assert f"series = {formula}" in TIMES
    assert f"makes {service.series:,} series" in PAGE
    routes = f"{RECORDED_USED} x routes in use + {RECORDED_OTHER} x other routes"
    rest = f"{RECORDED_OBJECTIVE} x objectives + {RECORDED_REST}"
    assert f"recorded = {routes} + {rest}" in TIMES
    assert f"which is {service.recorded:,} series" in PAGE
    assert f"at {TEXT} bytes a series as text and {ZIPPED} compressed" in PAGE


def test_the_formulas_agree_with_an_example() -> None:
    """The formulas give the same numbers as a calculation by hand."""
    series = 20 * 88 + 10 * 19 + 4 * 21 + 35
    assert Service().series == series == 2069
    assert tables(Service())[0][0].startswith("| 10 | 20,690 | 1,379 | 690 | 0.06 to 0.08 | ")
    assert disk(20_690, 15, 1.3) == pytest.approx(2.16, abs=0.01)


def test_the_series_limit_fits_the_limits_of_a_scrape() -> None:
    """The default series limit is below the sample limit of both scrape configurations."""
    series = Settings(slow_request_threshold={}, buckets=()).max_series * (
        len(DURATION_BUCKETS) + 3
    )
    assert f"are {series:,} series" in PAGE
    (shop, *_) = load(DEPLOY / "prometheus" / "prometheus.yml")["scrape_configs"]
    assert series < shop["sample_limit"] == manifest("podmonitor")["spec"]["sampleLimit"]


@pytest.mark.parametrize("block", BLOCKS)
def test_the_configurations_are_valid(block: str, tmp_path: Path) -> None:
    """``promtool`` accepts each configuration of the page."""
    file = tmp_path / "prometheus.yml"
    file.write_text(block)
    done = run("promtool", "check", "config", str(file), package="Debian: prometheus")
    assert "SUCCESS" in done.stdout


def test_hosts_of_the_page_are_reserved() -> None:
    """Hosts in the configurations of the page are under the reserved domain `.example`."""
    found = [host for block in BLOCKS for host in re.findall(r"://([\w.-]+)", block)]
    assert found
    assert all(host.endswith(".example") for host in found)


def test_remote_write_sends_the_recorded_series_of_services() -> None:
    """Remote write keeps the recorded series, except for those of instances."""
    kept = re.search(r'regex: "(.+?)"', BLOCKS[0])
    assert kept
    made = [rule for group in groups(RuleContext(default())) for rule in group["rules"]]
    recorded = {rule["record"] for rule in made if "record" in rule}
    left = {name for name in recorded if not re.fullmatch(kept[1], name)}
    assert left == {names.INSTANCE_STATUS, names.INSTANCE_TIME}
    assert not re.fullmatch(kept[1], "http_server_request_duration_seconds_bucket")
