"""Benchmarks that compare a page with the truth do their work, on a machine of any speed."""

import sys

import pytest

from benchmarks import busy
from benchmarks.arrivals import report as arrivals

pytestmark = [
    pytest.mark.live,
    pytest.mark.newest,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when data arrived"),
]


def test_arrivals() -> None:
    """Of a hold of 0.3 s, the page says what stopwatches say, and all waits are charged for."""
    section = arrivals.run(quick=True)
    rows = [row.strip("| ").split(" | ") for row in section.text.splitlines()]
    two = [row for row in rows if row[0] == "1, uvloop, httptools"]
    assert [row[1:3] for row in two] == [["kept", "0.3 s"], ["new", "0.3 s"]]
    for felt, told in (map(float, row[3:5]) for row in two):
        assert felt > 100
        assert 0.7 * felt < told < 1.1 * felt
    _, charged, guilty = section.targets
    assert charged.met
    assert guilty.value > 0.5


@pytest.mark.parametrize("way", ["native", "Python"])
def test_busy(way: str) -> None:
    """The page has most of what a route computes, and not much more, whichever way it is measured.

    On a busy machine the route waits for a processor outside of what it clocks itself, too.
    """
    shares = busy.measured(busy.Setup("asyncio", way, middleware=False, ms=40), 2)
    assert shares.truth > 5
    assert 0.5 * shares.truth < shares.burn < 1.5 * shares.truth + 10
