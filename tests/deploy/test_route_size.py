"""What a route in use takes with each kind of histogram, as docs/scale.md has it."""

import pytest

pytest.importorskip("numpy", reason="the extra history is not installed")

from benchmarks import route_size
from tests.deploy.arithmetic import ROOT
from tests.live.newer import newer


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.newest
def test_the_page_has_what_a_route_takes() -> None:
    """The table of the page is what the benchmark prints, of a real Prometheus."""
    newer("prometheus")
    assert route_size.result() in (ROOT / "docs" / "scale.md").read_text()
