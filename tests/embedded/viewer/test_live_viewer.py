"""The dashboards of a real service, read by a real browser through the viewer."""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, expect

from sidelight.embedded.viewer.board import load
from sidelight.embedded.viewer.units import shown, unit
from sidelight.packaged import dashboards as found
from tests.dashboards.querying import get
from tests.dashboards.stack import hold, shop, shoppers
from tests.embedded.viewer.browsing import PHONE, WIDE, Reader, Viewer, chromium
from tests.embedded.viewer.test_viewer_units import CASES
from tests.live.prometheus import query
from tests.live.servers import PATIENCE, eventually, free_port
from tests.live.sidecars import fetch

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform != "linux", reason="starts servers that need Linux's /proc"),
]

BOARDS = [load(path) for path in found()]
NOW = "?from=now-5m&to=now&refresh="
PICTURES = os.environ.get("SIDELIGHT_TEST_PICTURES")
"""A folder for what the tests saw; else it is the test's own."""


QUIET = {
    "sidelight-fleet": {
        "Alerts firing",
        "Services with the most errors",
        "Targets down",
        "Without Sidelight",
    },
    "sidelight-objectives": {"Overspent budgets", "Time to exhaustion"},
    "sidelight-route": {
        "Exceptions",
        "In flight",
        "Disconnects, lost requests, invalid responses",
        "Oldest in flight",
        "Validation errors by field",
    },
    "sidelight-runtime": {
        "Connection pools",
        "Dependencies",
        "Dependencies over long time ranges",
        "Executor queues",
        "Executor usage",
        "Executor wait and run time",
        "Upstreams",
        "Upstreams over long time ranges",
        "Calls waiting for a connection",
        "Workers that died",
        "Worker exits",
    },
    "sidelight-service": {"Connection pool usage"},
    "sidelight-telemetry-health": {
        "OTLP exports",
        "Internal errors by location",
        "Internal errors",
        "Skipped files and families",
        "Series overflow",
        "Targets without metrics",
        "Targets down",
    },
}
"""Panels of what this shop need not have by then: a fault, or something that is watched."""


class World(NamedTuple):
    """A shop with visitors, what scrapes it, and who looks."""

    viewer: Viewer
    browser: Browser
    prometheus: int
    pictures: Path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Started once, since all tests here only look."""
    where = tmp_path_factory.mktemp("viewer")
    with (
        shop(where) as (server, sidecar, port),
        shoppers(server, 900, "coupon"),
        chromium() as browser,
    ):
        time.sleep(12)
        hold(server)
        began = time.time()
        eventually(lambda: at_a_minute(port, began), 4 * PATIENCE)
        options = ("--prometheus", f"http://127.0.0.1:{port}")
        with Viewer(where, *options, "--sidecar", f"http://127.0.0.1:{sidecar.port}") as viewer:
            yield World(viewer, browser, port, Path(PICTURES) if PICTURES else where / "pictures")


def at_a_minute(port: int, began: float) -> bool:
    """Whether all was there when a minute began: graphs of what rules record have only those."""
    minute = time.time() // 60 * 60
    found = minute > began and query(port, f"service:http_server_requests:rate5m @ {minute} > 0")
    return bool(found)


@pytest.mark.parametrize(
    ("size", "theme"),
    [
        pytest.param(WIDE, "light", id="wide-light"),
        pytest.param(PHONE, "dark", id="phone-dark"),
        pytest.param(WIDE, "dark", id="wide-dark", marks=pytest.mark.slow),
        pytest.param(PHONE, "light", id="phone-light", marks=pytest.mark.slow),
    ],
)
def test_every_dashboard_is_drawn(world: World, size: dict[str, int], theme: str) -> None:
    """Every dashboard opens without an error or a request elsewhere, and shows what it must."""
    with Reader(world.browser, world.viewer, viewport=size, color_scheme=theme) as reader:
        silent = set[str]()
        for board in BOARDS:
            reader.open(f"/d/{board.uid}{NOW}")
            kinds = reader.kinds()
            assert "error" not in kinds.values(), kinds
            assert set(kinds) == {panel.title for panel in board.panels}
            empty = {title for title, kind in kinds.items() if kind == "empty"}
            silent |= {f"{board.uid}: {title}" for title in empty - QUIET[board.uid]}
            assert reader.page.locator(".sl-remark").count() == 0
            wide = reader.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= size["width"], (board.uid, wide)
            reader.picture(world.pictures, f"{board.uid}-{theme}-{size['width']}")
        assert not silent, ", ".join(sorted(silent))
        assert reader.wrong == []


def test_charts_have_pixels(world: World) -> None:
    """A graph in sight is drawn: its canvas is not all of one colour."""
    with Reader(world.browser, world.viewer) as reader:
        reader.open(f"/d/sidelight-service{NOW}")
        canvas = reader.panel("Requests by status").locator("canvas")
        expect(canvas).to_be_visible()
        colours = """canvas => new Set(new Uint32Array(canvas.getContext("2d")
          .getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size"""
        eventually(lambda: canvas.evaluate(colours) > 20)


def test_a_variable_changes_what_is_shown(world: World) -> None:
    """A route chosen in the bar is what is shown, stands in the address, and goes with All."""
    with Reader(world.browser, world.viewer) as reader:
        reader.open(f"/d/sidelight-route{NOW}")
        whole = reader.figure("Requests")
        reader.choose("route", "/orders/checkout")
        eventually(lambda: reader.figure("Requests") != whole)
        reader.drawn()
        assert "var-route=%2Forders%2Fcheckout" in reader.page.url
        one = float(reader.figure("Requests").split()[0])
        assert 0 < one < float(whole.split()[0])
        reader.choose("route", "All")
        eventually(lambda: float(reader.figure("Requests").split()[0]) > 2 * one)
        assert "var-route=%24__all" in reader.page.url
        assert reader.wrong == []


def test_two_values_are_shown_together(world: World) -> None:
    """Several ticked routes are asked for as one alternative."""
    with Reader(world.browser, world.viewer) as reader:
        reader.open(f"/d/sidelight-route{NOW}")
        reader.choose("route", "/products", "/orders")
        reader.page.wait_for_url("**var-route=%2Fproducts&var-route=%2Forders**")
        reader.drawn()
        chip = reader.page.locator('[data-picker="route"] .sl-chip b')
        assert chip.inner_text() == "/products + /orders"
        assert reader.kinds()["Requests"] == "stat"


def test_a_link_leads_to_the_routes_page(world: World) -> None:
    """A route in the table leads to its own dashboard, with time kept; back leads back."""
    with Reader(world.browser, world.viewer) as reader:
        reader.open(f"/d/sidelight-service{NOW}")
        reader.page.get_by_role("link", name="/orders/checkout").first.click()
        reader.page.wait_for_url("**/d/sidelight-route?**")
        reader.drawn()
        for part in ("from=now-5m", "to=now", "var-job=shop", "var-route=%2Forders%2Fcheckout"):
            assert part in reader.page.url
        assert reader.page.title() == "Route · Sidelight"
        assert 0 < float(reader.figure("Requests").split()[0]) < 20
        reader.page.go_back()
        reader.page.wait_for_url("**/d/sidelight-service?**")
        expect(reader.panel("Routes by share of time")).to_be_visible()
        assert reader.wrong == []


def test_a_refresh_changes_numbers_only(world: World) -> None:
    """With a refresh every 5 s the numbers change, and the panels' elements stay the same ones."""
    with Reader(world.browser, world.viewer) as reader:
        reader.open("/d/sidelight-service?from=now-5m&to=now&refresh=5s")
        reader.page.evaluate("document.querySelectorAll('.sl-panel').forEach(e => e.mine = true)")
        before = reader.page.locator(".sl-figures").all_inner_texts()
        eventually(lambda: reader.page.locator(".sl-figures").all_inner_texts() != before)
        kept = "[...document.querySelectorAll('.sl-panel')].every(e => e.mine)"
        assert reader.page.evaluate(kept)


def test_time_is_chosen(world: World) -> None:
    """Another range, and a drag across a graph, are in the address and in the bar."""
    with Reader(world.browser, world.viewer) as reader:
        reader.open(f"/d/sidelight-service{NOW}")
        reader.page.locator('[data-picker="time"] .sl-chip').click()
        reader.page.get_by_role("option", name="Last 15m").click()
        reader.page.wait_for_url("**from=now-15m**")
        reader.drawn()
        box = reader.panel("Requests by status").locator("canvas").bounding_box()
        reader.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        reader.page.mouse.down()
        reader.page.mouse.move(box["x"] + box["width"] - 30, box["y"] + box["height"] / 2, steps=4)
        reader.page.mouse.up()
        reader.page.wait_for_url(re.compile(r"from=\d{13}&to=\d{13}"))
        reader.drawn()
        assert reader.kinds()["Requests by status"] != "error"


def test_an_impossible_time_is_said(world: World) -> None:
    """A range that is none is said in the bar, with an example."""
    with Reader(world.browser, world.viewer) as reader:
        reader.page.goto(f"{world.viewer.url}/d/sidelight-fleet?from=tomorrow&to=now")
        bad = reader.page.locator(".sl-source.bad")
        expect(bad).to_have_text("'tomorrow' is no time; for example now, now-1h or 1767225600000")


def test_a_crosshair_on_every_graph(world: World) -> None:
    """The time under the pointer is marked on the other graphs, and its values are told."""
    with Reader(world.browser, world.viewer) as reader:
        reader.open(f"/d/sidelight-service{NOW}")
        reader.hover("Requests by status")
        expect(reader.panel("Latency").locator(".sl-crosshair")).to_be_visible()
        expect(reader.panel("Requests by status").locator(".sl-crosshair")).to_be_hidden()
        tip = reader.page.locator(".sl-tip")
        expect(tip).to_contain_text("2xx")
        expect(tip).to_contain_text("req/s")


def test_the_browser_writes_numbers_as_python_does(world: World) -> None:
    """Both read one table of units, and write the same for every case of its tests."""
    with Reader(world.browser, world.viewer) as reader:
        reader.open(f"/d/sidelight-fleet{NOW}")
        write = """async cases => { const { write } = await import("sidelight-units");
          return cases.map(([value, unit, decimals]) => write(value, unit, decimals)); }"""
        finite = [case for case in CASES if abs(case[0]) < float("inf")]
        given = [[value, unit(name).plain(), places] for value, name, places, _ in finite]
        assert reader.page.evaluate(write, given) == [
            shown(value, name, places) for value, name, places, _ in finite
        ]


def test_slow_requests(world: World) -> None:
    """The sidecar's slow requests are there, the newest first, each leading to its route."""
    with Reader(world.browser, world.viewer) as reader:
        reader.open("/slow")
        rows = reader.panel("Slow requests").locator("tbody tr")
        eventually(lambda: rows.count() > 0)
        times = rows.locator("td:first-child").all_inner_texts()
        assert times == sorted(times, reverse=True)
        reader.picture(world.pictures, "slow")
        rows.first.get_by_role("link").click()
        reader.page.wait_for_url("**/d/sidelight-route?**var-route=%2F**")
        assert reader.wrong == []


def test_alerts_and_runbooks(world: World) -> None:
    """Every rule that Prometheus has is there, and opens its runbook."""
    rules = get(world.prometheus, "rules", type="alert")["data"]["groups"]
    names = [rule["name"] for group in rules for rule in group["rules"]]
    with Reader(world.browser, world.viewer) as reader:
        reader.open("/alerts")
        shown_names = reader.page.locator(".sl-alert b").all_inner_texts()
        assert sorted(set(shown_names)) == sorted(set(names))
        reader.page.locator(".sl-alert", has_text="EventLoopBlocked").first.click()
        runbook = reader.page.locator(".sl-detail .sl-markdown")
        expect(runbook).to_contain_text("What users feel")
        reader.picture(world.pictures, "alerts")
        assert reader.wrong == []


@pytest.mark.parametrize("path", ["/", "/d/nothing"])
def test_what_isnt_there_leads_to_the_fleet(world: World, path: str) -> None:
    """The root, and a dashboard that there isn't, lead to the first dashboard."""
    answer = fetch(world.viewer, path, {"Host": "127.0.0.1"})
    assert (answer.status, answer.headers["location"]) == (307, "/d/sidelight-fleet")


def test_a_foreign_name_is_refused(world: World) -> None:
    """A page of somebody else's can't have its own name lead here."""
    answer = fetch(world.viewer, "/d/sidelight-fleet", {"Host": "evil.example"})
    assert answer.status == 421
    assert "--allowed-host" in answer.text


def test_a_page_may_ask_nobody_else(world: World) -> None:
    """The headers let a page load from its own host alone, and nobody frame it."""
    policy = fetch(world.viewer, "/alerts", {"Host": "127.0.0.1"}).headers[
        "content-security-policy"
    ]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.slow
def test_how_quick(world: World) -> None:
    """The first dashboard is there in seconds even here; what it took is kept beside pictures."""
    took: dict[str, list[float]] = {}
    for board in BOARDS:
        with Reader(world.browser, world.viewer) as reader:
            first = reader.open(f"/d/{board.uid}{NOW}")
            again = []
            for _ in range(5):
                began = time.perf_counter()
                reader.again()
                again.append(time.perf_counter() - began)
            took[board.uid] = [round(first, 3), *(round(one, 3) for one in sorted(again))]
    world.pictures.mkdir(parents=True, exist_ok=True)
    (world.pictures / "seconds.json").write_text(json.dumps(took, indent=1))
    assert max(times[0] for times in took.values()) < 20  # a loaded machine must not fail it


def test_a_server_that_is_gone_is_said(tmp_path: Path, world: World) -> None:
    """Where nobody answers, every panel says so by the address, and the bar too."""
    nobody = f"http://127.0.0.1:{free_port()}"
    with (
        Viewer(tmp_path, "--prometheus", nobody, "--sidecar", nobody) as viewer,
        Reader(world.browser, viewer) as reader,
    ):
        reader.open(f"/d/sidelight-fleet{NOW}")
        assert set(reader.kinds().values()) == {"error"}
        assert f"{nobody}/api/v1/query can't be reached" in reader.panel("Services").inner_text()
        reader.open("/slow")
        assert f"{nobody}/slow can't be reached" in reader.panel("Slow requests").inner_text()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly(tmp_path: Path, world: World, how: signal.Signals) -> None:
    """Told to end while somebody looks, it does, with code 0, and leaves no file behind."""
    nobody = f"http://127.0.0.1:{free_port()}"
    with (
        Viewer(tmp_path, "--prometheus", nobody) as viewer,
        Reader(world.browser, viewer) as reader,
    ):
        reader.open(f"/d/sidelight-fleet{NOW}")
        assert viewer.stop(how) == 0
        assert [path.name for path in tmp_path.iterdir()] == [viewer.log_path.name]
        assert viewer.log.splitlines() == [
            f"sidelight viewer: {viewer.url}/ draws what {nobody} answers"
        ]


def test_a_token_is_asked_for(tmp_path: Path, world: World) -> None:
    """With a token nothing is shown without it; with it, a browser's page and socket are."""
    token = tmp_path / "token"
    token.write_text("word")
    options = ("--prometheus", f"http://127.0.0.1:{world.prometheus}", "--token-file", str(token))
    with Viewer(tmp_path, *options) as viewer:
        assert fetch(viewer, "/alerts", {"Host": "localhost"}).status == 401
        known = {"username": "any", "password": "word"}
        with Reader(world.browser, viewer, http_credentials=known) as reader:
            reader.open(f"/d/sidelight-service{NOW}")
            assert reader.kinds()["Requests"] == "stat"
