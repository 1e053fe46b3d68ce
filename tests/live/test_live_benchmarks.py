"""Benchmarks that compare a page with the truth do their work, on a machine of any speed."""

import sys

import pytest

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
