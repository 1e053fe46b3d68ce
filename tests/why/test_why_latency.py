"""Slow requests: they wait for the event loop, at a line of code, or in a phase of their own."""

import pytest

from tests.why.canned import SHOP, Canned, Rows, alert, only, report, route

LINE = {
    "code_file_path": "shop/views.py",
    "code_line_number": "31",
    "code_function_name": "checkout",
}
BURN = alert("LatencyErrorBudgetBurn", slo="latency")
OF_ROUTE = alert(
    "LatencyErrorBudgetBurn",
    slo="latency",
    http_route="/checkout",
    http_request_method="POST",
)
SLOW: Rows = {
    "time": [(SHOP, 10.0)],
    "time_by_route": [(route("/checkout", "POST"), 8.0), (route("/items"), 2.0)],
    "requests_by_route": [(route("/checkout", "POST"), 4.0), (route("/items"), 96.0)],
}
BEFORE: Rows = {
    "requests": [(SHOP, 100.0)],
    "time_by_route": [(route("/checkout", "POST"), 0.4), (route("/items"), 2.0)],
    "requests_by_route": [(route("/checkout", "POST"), 4.0), (route("/items"), 96.0)],
}
WAITS = [
    ({**SHOP, "http_route": "/checkout", **LINE, "awaited": "asyncpg.pool.Pool.acquire"}, 6.0),
    ({**SHOP, "http_route": "/checkout", **LINE, "awaited": "asyncio.sleep"}, 2.0),
]
HELD: Rows = {
    "time": [(SHOP, 40.0)],
    "queued": [(SHOP, 30.0)],
    "blocked": [({**SHOP, "http_route": "/image"}, 0.6)],
    "caused": [({**SHOP, "http_route": "/image"}, 24.0), ({**SHOP, "http_route": ""}, 6.0)],
    "time_by_route": [(route("/items"), 39.0)],
    "requests_by_route": [(route("/items"), 10.0)],
    "queued_by_route": [(route("/items"), 30.0)],
}


@pytest.mark.parametrize("burn", [BURN, OF_ROUTE])
def test_the_line_at_which_the_route_waits_is_named(burn: object) -> None:
    """The cause has the line, what is awaited there, and what it was an hour before."""
    cause = only(report(Canned({**SLOW, "wait_lines": WAITS}, BEFORE, [burn])))  # type: ignore[list-item] # parametrized
    assert (cause["kind"], cause["method"], cause["route"]) == ("wait", "POST", "/checkout")
    assert cause["code"] == {"file": "shop/views.py", "line": 31, "function": "checkout"}
    assert (cause["awaited"], cause["share"]) == ("asyncpg.pool.Pool.acquire", 0.8)
    assert cause["summary"] == (
        "POST /checkout takes 2 s on average (1 h before 100 ms), 80 % of the time of all "
        "requests. Of the time that POST /checkout waits, 75 % is at shop/views.py:31 in "
        "checkout, for asyncpg.pool.Pool.acquire."
    )


def test_the_phase_is_named_where_no_wait_is() -> None:
    """A route that computes has no line: the phase that takes most of its time is told."""
    labels = {**SHOP, "http_route": "/checkout"}
    phases = [({**labels, "phase": "endpoint"}, 0.9), ({**labels, "phase": "body"}, 0.1)]
    cause = only(report(Canned({**SLOW, "phases": phases}, BEFORE, [BURN])))
    assert (cause["kind"], cause["code"], cause["awaited"]) == ("work", None, None)
    assert cause["summary"].endswith(
        "90 % of the time of its sampled requests is in the phase endpoint."
    )


def test_a_route_that_nothing_explains_is_said_to_be_unknown() -> None:
    """Without waits and phases nothing is guessed: the route is slow, and the rest is not known."""
    found = report(Canned(SLOW, BEFORE, [BURN]))
    assert only(found)["kind"] == "slow"
    assert "where the time of /checkout is spent: no metric of waits or phases has it" in (
        found.unknown
    )


def test_slow_requests_without_an_alert_are_a_warning() -> None:
    """More than a twentieth is slow, and more than twice as many as before."""
    rows = {**SLOW, "slow": [(SHOP, 6.0)]}
    assert report(Canned(rows, BEFORE)).state == "warning"
    assert report(Canned(rows, {**BEFORE, "slow": [(SHOP, 4.0)]})).state == "ok"


def test_a_held_loop_is_one_cause() -> None:
    """The victims' alert and the ticket are both about the route whose code keeps the loop."""
    ticket = alert("EventLoopBlocked", "warning", http_route="/image")
    line = {**SHOP, "http_route": "/image", **LINE}
    source = Canned({**HELD, "loop_lines": [(line, 0.6)]}, BEFORE, [BURN, ticket])
    cause = only(report(source))
    assert (cause["kind"], cause["route"], cause["share"]) == ("event_loop", "/image", 0.6)
    assert cause["code"]["line"] == 31
    assert [one["name"] for one in cause["alerts"]] == [ticket.name, BURN.name]
    assert cause["summary"] == (
        "/image blocks the event loop for 600 ms of each second. Requests wait 24 s a second for "
        "its code, and 75 % of the time of all requests is waiting for the event loop. Most of it "
        "is at shop/views.py:31 in checkout."
    )


def test_the_services_alert_is_not_that_of_a_route_with_its_own() -> None:
    """A ticket of a route is about that route; the service's page is about the held loop."""
    labels = {"http_route": "/checkout", "http_request_method": "POST"}
    ticket = alert("LatencyErrorBudgetBurn", "warning", slo="latency", **labels)
    rows = {
        **HELD,
        "time_by_route": [(route("/items"), 39.0), (route("/checkout", "POST"), 1.0)],
        "requests_by_route": [(route("/items"), 10.0), (route("/checkout", "POST"), 4.0)],
    }
    first, second = report(Canned(rows, BEFORE, [ticket, BURN])).to_dict()["causes"]
    assert (first["kind"], first["route"]) == ("event_loop", "/image")
    assert [one["severity"] for one in first["alerts"]] == ["critical"]
    assert (second["kind"], second["route"]) == ("slow", "/checkout")
    assert [one["severity"] for one in second["alerts"]] == ["warning"]


def test_a_held_loop_without_a_line_says_so() -> None:
    """Where no metric has the line, it is unknown."""
    found = report(Canned(HELD, BEFORE, [BURN]))
    assert "at which line /image holds the event loop: see `sidelight slow`" in found.unknown


@pytest.mark.parametrize(
    ("question", "kind"),
    [("throttled", "cpu_quota"), ("processor", "processor"), ("gil", "gil")],
)
def test_no_code_is_guilty_of_a_starved_loop(question: str, kind: str) -> None:
    """Where the waits are no route's, what the kernel tells most of is the kind."""
    rows = {**HELD, "blocked": [], "caused": [({**SHOP, "http_route": ""}, 30.0)]}
    cause = only(report(Canned({**rows, question: [(SHOP, 0.4)]}, BEFORE, [BURN])))
    assert (cause["kind"], cause["route"], cause["share"]) == (kind, None, 0.75)
