"""``sidelight slow`` over several directories."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sidelight.cli import main
from sidelight.store import directory
from tests.store.driving import killed, shared, worker
from tests.store.test_store_slow import LINE, record


def slow(where: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["slow", str(where), *options])


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Path]:
    """A directory with two workers: one has slow requests, the loop of the other is blocked."""
    where = shared(tmp_path / "store")
    file, blocked = worker(where), worker(where)
    for number in range(3):
        when = time.time() - 60 * number
        file.add_slow_request(record(when, route=f"/{number}", loop_blocked=1.5, blocked_by=LINE))
    blocked.show_blocked_loop(time.monotonic_ns() - 3_000_000_000, LINE)
    yield tmp_path / "store"
    killed(file)
    killed(blocked)
    where.close()


def test_the_line_that_blocks_is_shown(busy: Path) -> None:
    """The table has it for each request, and a line above the loop that is blocked now.

    Requests that it has in common are one cause.
    """
    first, _, cause, empty, head, *rows = slow(busy).stdout.splitlines()
    assert cause.split(None, 3)[0] == "3"
    assert cause.endswith(f"GET /0, GET /1, GET /2  event loop blocked by {LINE}")
    assert empty == ""
    assert re.fullmatch(rf"worker 1 is blocked for \d+\.\d{{3}} s so far by {LINE}", first)
    assert head.endswith("blocked by")
    assert [row.endswith(f"  {LINE}") for row in rows] == [True] * 3


def test_causes_of_one_request_are_shown_below_those_of_several(tmp_path: Path) -> None:
    """Each request is in the first table, with its cause and with others that have it."""
    where = shared(tmp_path / "store")
    file = worker(where)
    for number, (route, line) in enumerate(
        (("/long", "b.py:2 in b"), *[("/a", "a.py:1 in a")] * 2)
    ):
        seconds = 9.0 if route == "/long" else 1.0
        file.add_slow_request(record(float(number), route=route, seconds=seconds, waited_at=line))
    killed(file)
    where.close()
    causes, _ = slow(tmp_path / "store").stdout.split("\n\n")
    assert [re.split("  +", row) for row in causes.splitlines()] == [
        ["requests", "mean", "longest", "routes", "cause"],
        ["2", "1.000", "1.000", "GET /a", "waits at a.py:1 in a"],
        ["1", "9.000", "9.000", "GET /long", "waits at b.py:2 in b"],
    ]


@pytest.mark.parametrize(
    ("options", "routes"),
    [
        ([], ["/0", "/1", "/2"]),
        (["--route", "/1"], ["/1"]),
        (["--route", "GET /1"], ["/1"]),
        (["--since", "30s"], ["/0"]),
        (["-n", "2"], ["/0", "/1"]),
        (["--since", "90s", "-n", "5"], ["/0", "/1"]),
    ],
)
def test_what_is_asked_for(busy: Path, options: list[str], routes: list[str]) -> None:
    """Requests of a route, of the last minutes, and the newest so many."""
    lines = slow(busy, "--json", *options).stdout.splitlines()
    assert [json.loads(line)["route"] for line in lines] == routes


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--since", "soon"], "since='soon': 'soon' is not a duration; for example 15s"),
        (["-n", "0"], "limit='0': must be a whole number above 0; for example limit=20"),
        (["-n", "few"], "limit='few': must be a whole number above 0; for example limit=20"),
        (["--route", "GET /11"], "no slow request of the route 'GET /11' is stored; the nearest"),
        (["--route", "x"], "no slow request of the route 'x' is stored; for example '/0' has"),
        (["--route", "/2", "--since", "1s"], "no slow request of these is stored; of all routes"),
    ],
)
def test_what_is_wrong_is_told(busy: Path, options: list[str], told: str) -> None:
    """An option that can't be used, and a route without slow requests with the nearest one."""
    assert told in slow(busy, *options).stderr


def test_slow_requests_of_all_servers_are_listed_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a directory, the slow requests of all servers are listed, the newest first."""
    paths = [tmp_path / "a", tmp_path / "b"]
    for path, times in zip(paths, ((1.0, 4.0), (2.0, 3.0)), strict=True):
        where = shared(path)
        file = worker(where)
        for when in times:
            file.add_slow_request(record(when))
        killed(file)
        where.close()
    monkeypatch.delenv("SIDELIGHT_DIR", raising=False)
    monkeypatch.setattr(directory, "own_directories", lambda: list(map(str, paths)))
    lines = CliRunner().invoke(main, ["slow", "--json"]).stdout.splitlines()
    assert [json.loads(line)["when"] for line in lines] == [4.0, 3.0, 2.0, 1.0]
