"""The cap on label sets, and a file that is full to its last byte: no request is harmed."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sidelight.asgi.middleware import SidelightMiddleware
from sidelight.contract import DURATION, METHODS, METRICS
from sidelight.store.directory import Directory
from sidelight.store.layout import BlockKind
from sidelight.store.mapped_file import StoreFull
from sidelight.store.writer import WorkerFile
from tests.store.driving import SCHEMA, call, killed, page, totalled, worker

ROUTES = 120


async def answer(request: Request) -> PlainTextResponse:
    """Whatever status the query asks for."""
    return PlainTextResponse("x", int(request.query_params.get("status", "200")))


@pytest.fixture
def many(tmp_path: Path) -> Iterator[SidelightMiddleware]:
    """An application of 120 routes where 100 label sets are allowed.

    No request of it is slow and no loop blocked, however busy the machine: each takes label sets.
    """
    routes = [Route(f"/route{n}", answer, methods=METHODS) for n in range(ROUTES)]
    app = SidelightMiddleware(
        Starlette(routes=routes),
        directory=str(tmp_path / "store"),
        max_series=100,
        slow_request_threshold=3600.0,
        loop_block_threshold=60.0,
    )
    yield app
    app.lifecycle.close()


def ask(app: Any, path: str, method: str = "GET", status: int = 200, **more: Any) -> None:
    found, _ = asyncio.run(call(app, path, method, query_string=b"status=%d" % status, **more))
    assert found == status


def fill(file: WorkerFile, key: bytes) -> None:
    """Add blocks as long as there is room."""
    while True:
        file.append_block(BlockKind.ROOTS, key)


def durations(text: str) -> list[tuple[dict[str, str], int]]:
    """Labels and count of each series of durations on a page that has requests."""
    found = re.findall(
        r"^http_server_request_duration_seconds_count{(.*)} (\d+)$", text, re.MULTILINE
    )
    counts = [(dict(re.findall(r'(\w+)="([^"]*)"', labels)), int(n)) for labels, n in found]
    return [(labels, number) for labels, number in counts if number]


def test_past_the_cap_nothing_is_lost_but_the_route(many: SidelightMiddleware) -> None:
    """Each request past the cap is counted under ``_OTHER``, and the overflow is counted."""
    for number in range(ROUTES):
        ask(many, f"/route{number}", status=500 if number % 2 else 200)
    text = page(many)
    name = "http_server_request_duration_seconds_count"
    counts = [
        (line, float(line.rpartition(" ")[2]))
        for line in text.splitlines()
        if line.startswith(name + "{")
    ]
    assert sum(number for _, number in counts) == ROUTES
    other = {line: number for line, number in counts if 'http_route="_OTHER"' in line}
    assert len(other) == 2
    known = sum(number for line, number in counts if line not in other)
    assert 40 <= known <= 100
    overflow = next(
        line for line in text.splitlines() if line.startswith("sidelight_series_overflow_total")
    )
    assert float(overflow.rpartition(" ")[2]) >= sum(other.values())


def test_a_file_full_to_its_end_harms_no_request(many: SidelightMiddleware) -> None:
    """When not even ``_OTHER`` has room, each request is answered, and counted by its class."""
    for number in range(60):
        ask(many, f"/route{number}")
    asked = Counter({"2xx": 60})
    assert many.lifecycle.recorder is not None
    file = many.lifecycle.recorder.file
    statuses = [s for s in range(200, 600) if s not in {204, 205, 304}]
    left = -1
    for status in statuses:
        if left == file._header.size - file._end:  # the last status had no room
            break
        left = file._header.size - file._end
        for method in ("GET", "POST", "PUT"):
            ask(many, f"/route{ROUTES - 1}", method, status)
            asked[f"{status // 100}xx"] += 1
    else:
        raise AssertionError("never full")
    assert file.free_slots  # all given back
    assert len(file.free_slots) == len(file.paths)
    text = page(many)
    counts: Counter[str] = Counter()
    for labels, number in durations(text):
        counts[f"{labels['http_response_status_code'][0]}xx"] += number
    assert counts == asked
    last = [labels for labels, _ in durations(text) if "x" in labels["http_response_status_code"]]
    assert last[0] == {
        "http_request_method": "_OTHER",
        "http_route": "_OTHER",
        "http_response_status_code": last[0]["http_response_status_code"],
        "error_type": "_OTHER" if last[0]["http_response_status_code"] == "5xx" else "",
        "url_scheme": "_OTHER",
    }
    assert "sidelight_series_overflow_total" in text
    assert "sidelight_internal_errors_total" not in text


def test_a_new_root_path_in_a_full_file_harms_no_request(many: SidelightMiddleware) -> None:
    """The first request with another scheme or ``root_path`` is answered, room or not."""
    ask(many, "/route1")
    assert many.lifecycle.recorder is not None
    file = many.lifecycle.recorder.file
    with pytest.raises(StoreFull):
        fill(file, b"https /" + b"x" * 1000)
    with pytest.raises(StoreFull):
        fill(file, b"")
    ask(many, "/route1", scheme="https")
    ask(many, "/api/route1", root_path="/api")
    text = page(many)
    assert [(labels["http_route"], labels["url_scheme"]) for labels, _ in durations(text)] == [
        ("/route1", "http"),
        ("_OTHER", "https"),
        ("_OTHER", "http"),
    ]
    assert sum(number for _, number in durations(text)) == 3
    assert "sidelight_series_overflow_total 3\n" in text  # two durations, and one size
    assert "sidelight_internal_errors_total" not in text


@pytest.mark.parametrize(
    ("bounds", "routes", "statuses"),
    [(59, [f"/{n}" for n in range(20)], 5), (9, [f"/{n}{'x' * 400}" for n in range(150)], 1)],
    ids=["many boundaries", "long templates"],
)
def test_a_file_that_is_full_by_bytes_loses_no_request(
    tmp_path: Path, bounds: int, routes: list[str], statuses: int
) -> None:
    """A new ``root_path`` and a new scheme are counted where the limit of series is not reached."""
    app = SidelightMiddleware(
        Starlette(routes=[Route(path, answer) for path in routes]),
        directory=str(tmp_path / "store"),
        max_series=100,
        buckets=[1 + n / 10 for n in range(bounds)],
        slow_request_threshold=3600.0,
        loop_block_threshold=60.0,
    )

    async def ask_all() -> None:
        for path in routes:
            for status in range(200, 200 + statuses):
                await call(app, path, query_string=b"status=%d" % status)
        for path in routes:
            await call(app, "/api" + path, root_path="/api")
            await call(app, path, scheme="https")

    asyncio.run(ask_all())
    text = page(app)
    app.lifecycle.close()
    counts = durations(text)
    assert sum(number for _, number in counts) == len(routes) * (statuses + 2)
    named = [labels for labels, _ in counts if labels["http_route"] != "_OTHER"]
    assert len(named) == 83 if bounds == 59 else 10 < len(named) < 50  # of 100 with sizes
    assert "sidelight_series_overflow_total" in text
    assert "sidelight_internal_errors_total" not in text


def test_a_table_made_again_and_again_does_not_fill_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Endpoints that no table knows don't use up the space of later routes."""
    from sidelight.asgi import labels

    monkeypatch.setattr(labels, "REBUILD_SECONDS", 0.0)

    async def odd(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/known":
            await inner(scope, receive, send)
            return
        scope["endpoint"] = object()
        await PlainTextResponse("x")(scope, receive, send)

    inner = Starlette(routes=[Route(f"/known{'x' * n}", answer) for n in range(100)])
    odd.app = inner  # type: ignore[attr-defined] # an attribute of the test's own
    app = SidelightMiddleware(odd, directory=str(tmp_path / "store"), max_series=100)
    for number in range(60):
        ask(app, f"/odd{number}")
    ask(app, "/known")
    assert 'http_route="/known",http_response_status_code="200"' in page(app)
    app.lifecycle.close()


def test_a_block_of_the_loop_is_counted_in_a_full_file(where: Directory) -> None:
    """A counter by route has room as ``_OTHER``; any other one says that there is none."""
    file = worker(where, 1)
    for size in (1000, 0):
        with pytest.raises(StoreFull):
            fill(file, b"x" * size)
    blocks = METRICS["asyncio_event_loop_blocks_total"]
    other = METRICS["process_cpu_seconds_total"]

    def use_up() -> None:
        for number in range(20_000):
            file.count(other, (f"{number}",))

    with pytest.raises(StoreFull):
        use_up()
    for number in range(1000):
        file.count(blocks, (f"/late{number}",))
    overflow = file.series(METRICS["sidelight_series_overflow_total"], (), reserved=True)
    counted = file.series(blocks, ("_OTHER",), reserved=True)
    assert file.words[counted] == file.words[overflow] == 1000
    assert totalled(where) == 1
    killed(file)


def test_the_cap_holds(where: Directory) -> None:
    """The hundredth label set is the last; those of before, and a few beyond, still count."""
    file = worker(where, 1)
    size = METRICS["http_server_response_body_size_bytes"]
    for number in range(99):
        if number % 4:
            file.series(DURATION, ("GET", f"/{number}", "200", "", "http"))
        else:
            file.series(size, ("GET", f"/{number}"))
    with pytest.raises(StoreFull):
        file.series(DURATION, ("GET", "/one-more", "200", "", "http"))
    assert file.series(DURATION, ("GET", "/5", "200", "", "http")) > 0
    file.series(DURATION, ("GET", "_OTHER", "200", "", "http"), uncapped=True)
    file.count(METRICS["sidelight_series_overflow_total"])
    assert totalled(where) == 1
    killed(file)


def test_long_labels_fill_the_file_before_the_cap(where: Directory) -> None:
    """Room for bytes is bounded too: `StoreFull`, and no write past the end."""
    file = WorkerFile(where, SCHEMA, 100)
    long = "x" * 2000
    with pytest.raises(StoreFull):
        [file.series(DURATION, ("GET", f"/{n}{long}", "200", "", "http")) for n in range(100)]
    with pytest.raises(StoreFull):
        fill(file, b"x" * 5000)
    assert totalled(where) == 0
    killed(file)
