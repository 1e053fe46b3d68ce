"""The fleet of the benchmark: a recorded page, and a real Prometheus that scrapes it."""

import re
from collections import Counter

import pytest

from benchmarks.fleet import Fleet, measured
from benchmarks.fleet.recorded import Instance, grown, page
from benchmarks.metrics_text import samples
from sidelight.contract import METRICS
from tests.deploy.arithmetic import ROOT, Service
from tests.deploy.instance_series import OF_PROMETHEUS, families, width
from tests.live.prometheus import tool

PAGE = """\
# TYPE a_total counter
a_total{route="/x y"} 2
a_seconds_bucket{le="+Inf"} 0.5
resident_bytes 7
"""
RESULTS = ROOT / "benchmarks" / "fleet" / "RESULTS.md"


def test_a_page_grows() -> None:
    """Each counter has so many times what it had on the recorded page, and a gauge the same."""
    assert grown(PAGE, 3).decode() == PAGE.replace('y"} 2', 'y"} 6').replace(" 0.5", " 1.5")


def test_the_page_has_what_was_measured() -> None:
    """The table in docs/scale.md is the one that the benchmark wrote."""
    (results,) = re.findall(r"^\|  \| (?:.+\n)+", RESULTS.read_text(), re.MULTILINE)
    assert results in (ROOT / "docs" / "scale.md").read_text()


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.newest
def test_the_families_of_an_instance() -> None:
    """The page of a real service has the series of each family that the formula counts."""
    counted = {name: sets * width(name) for name, sets in families(2, 1, 2).items()}
    found = Counter(_family(name) for name, _, _ in samples(page(Instance(2, 1, 2))))
    assert found == counted


def _family(name: str) -> str:
    return name if name in METRICS else re.sub("_(bucket|sum|count)$", "", name)


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.newest
@pytest.mark.timeout(300)
def test_a_small_fleet() -> None:
    """The series of an instance are those of the formula, and Prometheus has those of all."""
    tool("prometheus")
    fleet = Fleet(3, Instance(used=2, other=1, workers=2))
    found = measured(fleet, 40, 1)
    computed = Service(used=2, other=1, workers=2).series
    assert found.series + OF_PROMETHEUS == computed
    assert found.up == fleet.instances
    assert found.head >= computed * fleet.instances
    assert found.samples > 0
    assert [one.error for one in found.timings if one.error] == []
