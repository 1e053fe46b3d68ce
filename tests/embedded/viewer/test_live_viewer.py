"""The viewer shows the dashboards of a real service in a real browser."""

import json
import logging
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, ViewportSize, expect

from sidelight.embedded.viewer.dashboard import Dashboard, load
from sidelight.embedded.viewer.units import format_value, unit
from sidelight.packaged import dashboards
from tests.dashboards.querying import get
from tests.dashboards.shoppers import shoppers
from tests.dashboards.stack import block_loop, crowd, shop
from tests.embedded.viewer.browsing import IN_BROWSER, PHONE, WIDE, Reader, Viewer, context
from tests.embedded.viewer.hostile import HOSTILE, hostile_target
from tests.embedded.viewer.test_viewer_units import CASES
from tests.live.prometheus import query
from tests.live.servers import eventually, free_port
from tests.live.sidecars import fetch

pytestmark = [
    *IN_BROWSER,
    pytest.mark.skipif(sys.platform != "linux", reason="starts servers that need Linux's /proc"),
]

DASHBOARDS = [load(path) for path in dashboards()]
NOW = "?from=now-5m&to=now&refresh="
PICTURES = os.environ.get("SIDELIGHT_TEST_PICTURES")
"""A folder for screenshots; none are taken if it is not set."""
RATE = "service:http_server_requests:rate5m"
CHECKOUTS = 'route_class:http_server_requests:rate5m{http_route="/orders/checkout"}'
STEP = "5s"
"""Graphs of recording rules have points at this step, and not only at each full minute."""


TOTALS = {
    f"Total of {what}" for what in ("requests", "5xx responses", "4xx responses", "slow requests")
}
"""Totals have a value from the first full minute on, which may not be over yet."""
MAY_BE_EMPTY = {
    "sidelight-fleet": {
        "Alerts firing",
        "Firing alerts",
        "Overspent services",
        "Services with the most errors",
        "Targets down",
        "Without Sidelight",
    },
    "sidelight-objectives": {"Overspent budgets", "Soonest exhausted", "Total of bad requests"},
    "sidelight-route": {
        *TOTALS,
        "Background tasks",
        "Connections in use by route $route",
        "Exceptions of route $route, method $method",
        "In flight",
        "Disconnects, lost requests, invalid responses",
        "Oldest in flight",
        "Validation errors by field",
        "Waits that the route caused",
        "Where it waits",
    },
    "sidelight-runtime": {
        "Connections in use by route",
        "Connection pools",
        "Dependencies",
        "Dependencies over long time ranges",
        "Executor queues",
        "Executor usage",
        "Executor wait and run time",
        "Upstreams",
        "Upstreams over long time ranges",
        "Waiting for a connection",
        "Which lines hold the loop",
        "Workers that died",
        "Worker exits",
    },
    "sidelight-service": {
        *TOTALS,
        "Connection pool usage",
        "Firing alerts",
        "Unhandled exceptions by route",
    },
    "sidelight-telemetry-health": {
        "OTLP exports",
        "Internal errors by location",
        "Failed collectors",
        "Age of the application's own metrics",
        "Internal errors",
        "Skipped files, families and headers",
        "Series overflow",
        "Targets without metrics",
        "Targets down",
    },
}
"""Panels that may be empty, because the shop has no such fault or instrumented object."""


class World(NamedTuple):
    """A viewer of a shop under load, and a browser."""

    viewer: Viewer
    browser: Browser
    context: BrowserContext
    prometheus: int
    pictures: Path | None


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[World]:
    """One world for all tests, which change nothing in it."""
    folder = tmp_path_factory.mktemp("viewer")
    with (
        hostile_target() as target,
        shop(folder, {"hostile": [target]}) as (server, sidecar, port),
        shoppers(server, "coupon", rate=8),
        crowd(server, {"/orders/1/events": 1, "/products/1/barcode": 1}),
    ):
        block_loop(server, requests=20)
        eventually(lambda: query(port, f"count({RATE} > 0) == 2"))
        eventually(lambda: query(port, f"sum({CHECKOUTS}) > 0"))
        servers = (f"http://127.0.0.1:{port}", f"http://127.0.0.1:{sidecar.port}")
        options = ("--prometheus", servers[0], "--sidecar", servers[1], "--step", STEP)
        with Viewer(folder, *options) as viewer, context(browser) as shared:
            yield World(viewer, browser, shared, port, Path(PICTURES) if PICTURES else None)


@pytest.fixture(scope="module")
def service(world: World) -> Iterator[Reader]:
    """The dashboard of the service, for tests that do not change the page."""
    with Reader(world.context, world.viewer) as reader:
        reader.open(f"/d/sidelight-service{NOW}")
        yield reader


@pytest.mark.parametrize(
    ("size", "theme"),
    [
        pytest.param(WIDE, "light", id="wide-light"),
        pytest.param(WIDE, "dark", id="wide-dark", marks=pytest.mark.slow),
        pytest.param(PHONE, "dark", id="phone-dark", marks=pytest.mark.slow),
        pytest.param(PHONE, "light", id="phone-light", marks=pytest.mark.slow),
    ],
)
def test_every_dashboard_is_shown(world: World, size: ViewportSize, theme: str) -> None:
    """Every dashboard opens without an error or a request to another host, and has data."""
    with (
        context(world.browser, viewport=size, color_scheme=theme) as sized,
        Reader(sized, world.viewer) as reader,
    ):
        for dashboard in DASHBOARDS:
            reader.page.set_viewport_size(size)
            reader.open(f"/d/{dashboard.uid}{NOW}")
            eventually(partial(_has_data, reader, dashboard))
            answer = {"What is wrong now"} if dashboard.uid == "sidelight-service" else set()
            assert set(reader.kinds()) == {panel.title for panel in dashboard.panels} | answer
            assert reader.page.locator(".sl-remark").count() == 0
            assert reader.fits(size)
            reader.screenshot(world.pictures, f"{dashboard.uid}-{theme}-{size['width']}")
            assert reader.fits(PHONE), dashboard.uid
        assert reader.problems == []


def _has_data(reader: Reader, dashboard: Dashboard) -> bool:
    """Whether each panel has data that the load brings sooner or later; the next look is new."""
    kinds = reader.kinds()
    assert "error" not in kinds.values(), kinds
    empty = {title for title, kind in kinds.items() if kind == "empty"}
    missing = empty - MAY_BE_EMPTY[dashboard.uid]
    if missing:
        logging.getLogger(__name__).warning("%s without data: %s", dashboard.uid, sorted(missing))
        reader.refresh()
    return not missing


def test_the_service_begins_with_what_is_wrong(service: Reader) -> None:
    """The answer of `sidelight why` is the first panel, with its queries."""
    eventually(lambda: service.kinds()["What is wrong now"] == "table")
    first = service.page.locator(".sl-panel").first
    assert first.get_attribute("data-panel") == "What is wrong now"
    assert "histogram_quantile" in first.inner_text() or "topk" in first.inner_text()


def test_a_graph_is_drawn(service: Reader) -> None:
    """The canvas of a visible graph has more than one color."""
    canvas = service.panel("Requests by status").locator("canvas")
    expect(canvas).to_be_visible()
    colors = """canvas => new Set(new Uint32Array(canvas.getContext("2d")
      .getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size"""
    eventually(lambda: canvas.evaluate(colors) > 20)


def test_a_variable_is_selected(world: World) -> None:
    """A selected route filters the panels and is in the address, until All is selected."""
    with Reader(world.context, world.viewer) as reader:
        reader.open(f"/d/sidelight-route{NOW}")
        of_all = reader.stat("Requests")
        reader.select("route", "/orders/checkout")
        eventually(lambda: reader.stat("Requests") != of_all)
        reader.wait_until_loaded()
        assert "var-route=%2Forders%2Fcheckout" in reader.page.url
        one = float(reader.stat("Requests").split()[0])
        assert 0 < one < float(of_all.split()[0])
        reader.select("route", "All")
        eventually(lambda: float(reader.stat("Requests").split()[0]) > 2 * one)
        assert "var-route=%24__all" in reader.page.url
        assert reader.problems == []


def test_several_values_are_selected(world: World) -> None:
    """Several selected routes are queried as one alternation."""
    with Reader(world.context, world.viewer) as reader:
        reader.open(f"/d/sidelight-route{NOW}")
        reader.select("route", "/products", "/orders")
        reader.page.wait_for_url("**var-route=%2Fproducts&var-route=%2Forders**")
        reader.wait_until_loaded()
        chip = reader.page.locator('[data-picker="route"] .sl-chip b')
        assert chip.inner_text() == "/products + /orders"
        assert reader.kinds()["Requests"] == "stat"


def test_a_route_links_to_its_dashboard(world: World) -> None:
    """A route in the table links to its dashboard with the time range; "back" returns."""
    with Reader(world.context, world.viewer) as reader:
        reader.open(f"/d/sidelight-service{NOW}")
        reader.page.get_by_role("link", name="/orders/checkout").first.click()
        reader.page.wait_for_url("**/d/sidelight-route?**")
        reader.wait_until_loaded()
        for part in ("from=now-5m", "to=now", "var-job=shop", "var-route=%2Forders%2Fcheckout"):
            assert part in reader.page.url
        assert reader.page.title() == "Route · Sidelight"
        assert 0 < float(reader.stat("Requests").split()[0]) < 20
        reader.page.go_back()
        reader.page.wait_for_url("**/d/sidelight-service?**")
        expect(reader.panel("Routes by share of time")).to_be_visible()
        assert reader.problems == []


def test_a_refresh_changes_only_the_data(world: World) -> None:
    """A refresh changes the numbers and keeps the elements of the panels."""
    with Reader(world.context, world.viewer) as reader:
        reader.open("/d/sidelight-service?from=now-5m&to=now&refresh=1s")
        reader.page.evaluate("document.querySelectorAll('.sl-panel').forEach(e => e.kept = true)")
        before = reader.page.locator(".sl-stats").all_inner_texts()
        eventually(lambda: reader.page.locator(".sl-stats").all_inner_texts() != before)
        kept = "[...document.querySelectorAll('.sl-panel')].every(e => e.kept)"
        assert reader.page.evaluate(kept)


@pytest.mark.slow
def test_a_page_outlives_a_pause(world: World) -> None:
    """A page that answered no ping for 12 seconds is not loaded anew: an open list stays open."""
    with Reader(world.context, world.viewer) as reader:
        reader.open(f"/d/sidelight-route{NOW}")
        reader.page.locator('[data-picker="route"] .sl-chip').click()
        reader.page.evaluate("for (const end = Date.now() + 12_000; Date.now() < end;);")
        reader.page.wait_for_timeout(3_000)  # in which it would be loaded anew
        reader.page.get_by_role("option", name="/orders/checkout", exact=True).click(timeout=20_000)
        reader.page.mouse.click(1000, 20)  # an empty place, which closes the list
        reader.page.wait_for_url("**var-route=%2Forders%2Fcheckout**")
        assert reader.problems == []


def test_the_time_range_is_selected(world: World) -> None:
    """A range from the list and a range dragged across a graph are in the address."""
    with Reader(world.context, world.viewer) as reader:
        reader.open(f"/d/sidelight-service{NOW}")
        reader.page.locator('[data-picker="time"] .sl-chip').click()
        reader.page.get_by_role("option", name="Last 15m").click()
        reader.page.wait_for_url("**from=now-15m**")
        reader.wait_until_loaded()
        box = reader.panel("Requests by status").locator("canvas").bounding_box()
        reader.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        reader.page.mouse.down()
        reader.page.mouse.move(box["x"] + box["width"] - 30, box["y"] + box["height"] / 2, steps=4)
        reader.page.mouse.up()
        reader.page.wait_for_url(re.compile(r"from=\d{13}&to=\d{13}"))
        reader.wait_until_loaded()
        assert reader.kinds()["Requests by status"] != "error"


def test_an_invalid_time_is_shown(world: World) -> None:
    """The bar shows an invalid time with an example."""
    with Reader(world.context, world.viewer) as reader:
        reader.page.goto(f"{world.viewer.url}/d/sidelight-fleet?from=tomorrow&to=now")
        bad = reader.page.locator(".sl-source.failed")
        expect(bad).to_have_text(
            "'tomorrow' is not a time; for example now, now-1h or 1767225600000"
        )


def test_the_crosshair_is_on_every_graph(service: Reader) -> None:
    """The time under the pointer is marked on the other graphs, and a tooltip has its values."""
    service.hover("Requests by status")
    expect(service.panel("Latency").locator(".sl-crosshair")).to_be_visible()
    expect(service.panel("Requests by status").locator(".sl-crosshair")).to_be_hidden()
    tip = service.page.locator(".sl-tip")
    expect(tip).to_contain_text("2xx")
    expect(tip).to_contain_text("req/s")


def test_the_browser_formats_numbers_as_python_does(service: Reader) -> None:
    """The browser and Python format every case of the units' tests in the same way."""
    write = """async cases => { const { write } = await import("sidelight-units");
      return cases.map(([value, unit, decimals]) => write(value, unit, decimals)); }"""
    finite = [case for case in CASES if abs(case[0]) < float("inf")]
    given = [[value, unit(name).to_json(), places] for value, name, places, _ in finite]
    assert service.page.evaluate(write, given) == [
        format_value(value, name, places) for value, name, places, _ in finite
    ]


def test_slow_requests(world: World) -> None:
    """The slow requests are listed newest first, and link to their routes."""
    with Reader(world.context, world.viewer) as reader:
        reader.open("/slow")
        rows = reader.panel("Slow requests").locator("tbody tr")
        eventually(lambda: rows.count() > 0)
        times = rows.locator("td:first-child").all_inner_texts()
        assert times == sorted(times, reverse=True)
        reader.screenshot(world.pictures, "slow")
        rows.first.get_by_role("link").click()
        reader.page.wait_for_url("**/d/sidelight-route?**var-route=%2F**")
        assert reader.problems == []


def test_alerts_and_runbooks(world: World) -> None:
    """Every rule of Prometheus is listed, and opens its runbook."""
    rules = get(world.prometheus, "rules", type="alert")["data"]["groups"]
    names = [rule["name"] for group in rules for rule in group["rules"]]
    with Reader(world.context, world.viewer) as reader:
        reader.open("/alerts")
        shown_names = reader.page.locator(".sl-alert b").all_inner_texts()
        assert sorted(set(shown_names)) == sorted(set(names))
        reader.page.locator(".sl-alert", has_text="EventLoopBlocked").first.click()
        runbook = reader.page.locator(".sl-detail .sl-markdown")
        expect(runbook).to_contain_text("What users feel")
        reader.screenshot(world.pictures, "alerts")
        assert reader.problems == []


@pytest.mark.parametrize("path", ["/", "/d/nothing"])
def test_an_unknown_page_redirects(world: World, path: str) -> None:
    """The root and an unknown dashboard redirect to the first dashboard."""
    answer = fetch(world.viewer, path, {"Host": "127.0.0.1"})
    assert (answer.status, answer.headers["location"]) == (307, "/d/sidelight-fleet")


def test_an_unknown_host_is_refused(world: World) -> None:
    """A request under another host name is refused, which prevents DNS rebinding."""
    answer = fetch(world.viewer, "/d/sidelight-fleet", {"Host": "evil.example"})
    assert answer.status == 421
    assert "--allowed-host" in answer.text


def test_a_page_is_restricted_to_its_host(world: World) -> None:
    """The headers allow a page to load only from its host, and no frame to contain it."""
    policy = fetch(world.viewer, "/alerts", {"Host": "127.0.0.1"}).headers[
        "content-security-policy"
    ]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.slow
def test_how_fast(world: World) -> None:
    """A dashboard loads within seconds; the times are logged."""
    times: dict[str, list[float]] = {}
    for dashboard in DASHBOARDS:
        with Reader(world.context, world.viewer) as reader:
            first = reader.open(f"/d/{dashboard.uid}{NOW}")
            refreshes = []
            for _ in range(5):
                began = time.perf_counter()
                reader.refresh()
                refreshes.append(time.perf_counter() - began)
            times[dashboard.uid] = [round(first, 3), *(round(one, 3) for one in sorted(refreshes))]
    logging.getLogger(__name__).info(json.dumps(times))
    assert max(found[0] for found in times.values()) < 20  # also on a busy machine


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_token_an_unreachable_server_and_the_end(
    tmp_path: Path, browser: Browser, number: signal.Signals
) -> None:
    """A viewer requires its token, shows that a server can't be reached, and ends cleanly."""
    server, token = f"http://127.0.0.1:{free_port()}", tmp_path / "token"
    token.write_text("word")
    options = ("--prometheus", server, "--sidecar", server, "--token-file", str(token))
    password = {"username": "any", "password": "word"}
    with (
        Viewer(tmp_path, *options) as viewer,
        context(browser, http_credentials=password) as shared,
        Reader(shared, viewer) as reader,
    ):
        assert fetch(viewer, "/alerts", {"Host": "localhost"}).status == 401
        reader.open("/slow")
        assert f"{server}/slow can't be reached" in reader.panel("Slow requests").inner_text()
        reader.open(f"/d/sidelight-fleet{NOW}")
        assert set(reader.kinds().values()) == {"error"}
        assert f"{server}/api/v1/query can't be reached" in reader.panel("Services").inner_text()
        assert viewer.stop(number) == 0
        assert set(tmp_path.iterdir()) == {viewer.log_path, token}
        assert viewer.log.splitlines() == [f"sidelight viewer: {viewer.url}/ shows {server}"]


def test_a_hostile_label_is_text(world: World) -> None:
    """A route of HTML, script and quotes is shown as text everywhere, and can be selected."""
    with Reader(world.context, world.viewer) as reader:
        reader.open(f"/d/sidelight-service{NOW}&var-job=hostile")
        link = reader.panel("Routes by share of time").get_by_role("link", name=HOSTILE)
        expect(link).to_have_text(HOSTILE)
        link.click()
        reader.page.wait_for_url("**/d/sidelight-route?**")
        reader.wait_until_loaded()
        assert float(reader.stat("Requests").split()[0]) > 0
        chip = reader.page.locator('[data-picker="route"] .sl-chip')
        expect(chip.locator("b")).to_have_text(HOSTILE)
        chip.click()
        expect(reader.page.get_by_role("option", name=HOSTILE)).to_be_visible()
        reader.page.keyboard.press("Escape")
        eventually(
            lambda: _refreshed(reader)["Exceptions of route $route, method $method"] == "chart"
        )
        expect(
            reader.panel("Exceptions of route $route, method $method").locator(".sl-legend button")
        ).to_have_text(HOSTILE)
        reader.hover("Exceptions of route $route, method $method")
        expect(reader.page.locator(".sl-tip")).to_contain_text(HOSTILE)
        assert reader.page.evaluate("[window.hit, document.images.length]") == [None, 0]
        assert reader.problems == []


def _refreshed(reader: Reader) -> dict[str, str]:
    reader.refresh()
    return reader.kinds()
