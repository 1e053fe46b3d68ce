"""Slow requests are grouped by what explains their time."""

from sidelight.store.slow_groups import SlowGroup, groups
from tests.store.test_store_slow import record

BLOCKED = "/report: /srv/shop/report.py:31 in total"
LOCK = "shop/stock.py:31 in shop.stock.reserve, awaiting asyncio.Lock.acquire"


def test_victims_of_a_blocked_loop_are_one_cause() -> None:
    """Whatever their routes and the callers of the line, and before all that took less time."""
    victims = [
        record(float(at), route=f"/{at}", seconds=2.0, loop_blocked=1.5, blocked_by=BLOCKED + more)
        for at, more in enumerate(("", ", called from /srv/shop/app.py:58 in report", "") * 2)
    ]
    other = record(9.0, route="/slow", seconds=3.0, loop_blocked=0.1, blocked_by=BLOCKED)
    assert groups([*victims, other]) == [
        SlowGroup(
            f"event loop blocked by {BLOCKED}",
            count=6,
            mean=2.0,
            longest=2.0,
            routes=("GET /0", "GET /1", "GET /2", "GET /3", "GET /4"),
            route_count=6,
            first=0.0,
            last=5.0,
        ),
        SlowGroup("", 1, 3.0, 3.0, ("GET /slow",), 1, 9.0, 9.0),
    ]


def test_waits_are_causes_of_their_routes() -> None:
    """Two routes that wait at one line are two causes; without a wait the longest phase is one."""
    waits = [record(1.0, route=route, seconds=1.0, waited_at=LOCK) for route in ("/a", "/a", "/b")]
    phases = record(1.0, route="/c", seconds=0.5, phases={"body": 0.1, "endpoint": 0.4})
    assert [(each.cause, each.count, each.routes) for each in groups([*waits, phases])] == [
        (f"waits at {LOCK}", 2, ("GET /a",)),
        (f"waits at {LOCK}", 1, ("GET /b",)),
        ("time in endpoint", 1, ("GET /c",)),
    ]


def test_a_phase_is_a_cause_if_no_other_can_have_been_longer() -> None:
    """Where more time is in no phase than in the longest, the cause is not known."""
    some = record(1.0, route="/a", seconds=1.0, phases={"body": 0.1, "endpoint": 0.4})
    much = record(1.0, route="/b", seconds=0.8, phases={"body": 0.1, "endpoint": 0.4})
    assert {each.routes: each.cause for each in groups([some, much])} == {
        ("GET /a",): "",
        ("GET /b",): "time in endpoint",
    }


def test_causes_of_one_request_are_below_those_of_several() -> None:
    """Also where the one took longer than all of the others; of each kind the longest is first."""
    waits = [record(1.0, route="/a", seconds=1.0, waited_at=LOCK) for _ in range(2)]
    single = [record(1.0, route=f"/{took}", seconds=took, phases={}) for took in (4.0, 9.0)]
    assert [(each.count, each.longest) for each in groups([*single, *waits])] == [
        (2, 1.0),
        (1, 9.0),
        (1, 4.0),
    ]
