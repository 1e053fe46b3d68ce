"""The statistics of routes, and the table in the terminal."""

import io
import math

import pytest
from rich.console import Console
from rich.text import Text

from sidelight.embedded.top.route_stats import (
    RouteScrape,
    RouteStats,
    ServiceSummary,
    increases,
    parse,
    quantile,
    recent,
    route_stats,
    summary,
)
from sidelight.embedded.top.table import duration, most_relevant, render, uptime

LABELS = 'http_request_method="{method}",http_route="{route}"'
BOUNDS = ("0.1", "0.5", "+Inf")


def page(
    counts: tuple[int, ...] = (0, 0, 0),
    status: str = "200",
    route: str = "/carts/{user}",
    slow: int | None = None,
) -> str:
    """An answer of /metrics with one histogram, whose cumulative `counts` belong to BOUNDS."""
    route_labels = LABELS.format(method="GET", route=route)
    name, labels = (
        "http_server_request_duration_seconds",
        f'{route_labels},http_response_status_code="{status}"',
    )
    buckets = zip(BOUNDS, counts, strict=True)
    lines = [f"# TYPE {name} histogram"]
    lines += [f'{name}_bucket{{{labels},le="{le}"}} {count}' for le, count in buckets]
    lines += [f"{name}_count{{{labels}}} {counts[-1]}", f"{name}_sum{{{labels}}} 1.5"]
    if slow is not None:
        lines += ["# TYPE fastapi_slow_requests_total counter"]
        lines += [f"fastapi_slow_requests_total{{{route_labels}}} {slow}"]
    return "\n".join(lines) + "\n"


def scrapes(*pages: str, period: float = 5.0) -> list[RouteScrape]:
    return [parse(text, time=1000 + period * number) for number, text in enumerate(pages)]


def shown(found: list[RouteStats], service: ServiceSummary | None = None, **options: int) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(
        render("http://x/metrics", found, service or ServiceSummary(None), Text(), **options)
    )
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def row(
    rate: float | None = 1.0, errors: float = 0.0, slow: int = 0, route: str = "/a"
) -> RouteStats:
    return RouteStats("GET", route, rate, errors, 0.004, 0.25, 1.5, slow)


@pytest.mark.parametrize(
    ("q", "counts", "expected"),
    [
        (0.5, (10, 20, 20), 0.1),
        (0.75, (10, 20, 20), 0.3),
        (0.25, (10, 20, 20), 0.05),
        (0.95, (0, 0, 4), 0.5),
        (1.0, (10, 20, 20), 0.5),
        (0.5, (8, 4, 8), 0.05),
    ],
)
def test_quantile_is_linear_inside_its_bucket(
    q: float, counts: tuple[int, ...], expected: float
) -> None:
    """A quantile is linear within its bucket, and at most the highest finite bound."""
    buckets = dict(zip((0.1, 0.5, math.inf), counts, strict=True))
    assert quantile(q, buckets) == pytest.approx(expected)


@pytest.mark.parametrize(
    "buckets", [{}, {math.inf: 3.0}, {0.1: 0.0, math.inf: 0.0}, {0.1: 1.0, 0.5: 2.0}]
)
def test_quantile_of_nothing_is_none(buckets: dict[float, float]) -> None:
    """Without observations, finite buckets or a +Inf bucket, there is no quantile."""
    assert quantile(0.5, buckets) is None


def test_quantile_in_a_lowest_bucket_that_is_not_positive() -> None:
    """In a lowest bucket that ends at or below 0, the quantile is its bound."""
    assert quantile(0.5, {-1.0: 3.0, 2.0: 4.0, math.inf: 4.0}) == -1.0


def test_parse_keeps_only_what_the_table_needs() -> None:
    """Families that the table does not need are not parsed."""
    scrape = parse(page((1, 1, 1)) + 'other_total{a="b"} this is no number\n', time=0)
    assert {name for name, _ in scrape.samples} == {
        f"http_server_request_duration_seconds_{end}" for end in ("bucket", "count", "sum")
    }


def test_statistics_are_increases() -> None:
    """Requests before the first scrape are not counted."""
    before, after = page((100, 200, 300), slow=7), page((110, 220, 320), slow=9)
    [found] = route_stats(scrapes(before, after))
    assert (found.method, found.route) == ("GET", "/carts/{user}")
    assert found.rate == pytest.approx(4.0)
    assert found.error_ratio == 0.0
    assert found.p50 == pytest.approx(0.1)
    assert found.p95 == pytest.approx(0.46)
    assert found.slow == 2


@pytest.mark.parametrize(("status", "errors"), [("500", 0.25), ("503", 0.25), ("404", 0.0)])
def test_only_5xx_are_errors(status: str, errors: float) -> None:
    """A 5xx response is an error and a 4xx response is not; both are requests."""
    before = page() + page(status=status)
    after = page((30, 30, 30)) + page((10, 10, 10), status=status)
    [found] = route_stats(scrapes(before, after))
    assert found.error_ratio == pytest.approx(errors)
    assert found.rate == pytest.approx(8.0)


def test_a_first_error_counts_from_zero() -> None:
    """The first value of a new series is an increase from 0."""
    [found] = route_stats(scrapes(page((5, 5, 5)), page((9, 9, 9)) + page((1, 1, 1), status="500")))
    assert found.error_ratio == pytest.approx(0.2)


def test_a_reset_counts_from_zero_again() -> None:
    """A counter that decreases was reset: the increases before and after are added."""
    seen = scrapes(page((0, 0, 10)), page((0, 0, 14)), page((0, 0, 3)))
    increased = {
        name: value for (name, _), value in increases(seen).items() if name.endswith("count")
    }
    assert list(increased.values()) == [7]


@pytest.mark.parametrize("pages", [(page(),), (page((3, 3, 3)), page((3, 3, 3)))])
def test_no_traffic_has_no_statistics(pages: tuple[str, ...]) -> None:
    """A route without requests has statistics of `None`, which the table shows as dashes."""
    found = route_stats(scrapes(*pages))
    assert found == [RouteStats("GET", "/carts/{user}", None, None, None, None, None, 0)]
    line = next(line for line in shown(found).splitlines() if "/carts" in line)
    assert line.split() == ["GET", "/carts/{user}", *"--------"]


def test_no_scrapes() -> None:
    """Before the first scrape the table has no rows, and the header has dashes."""
    assert route_stats([]) == []
    assert "- workers   - requests/s   up -" in shown([], summary([], []))


def test_routes_are_sorted_by_rate() -> None:
    """Routes are in descending order of the rate, and then in the order of their names."""
    names = ("/quiet/b", "/quiet/a", "/some", "/most")
    before = "".join(page(route=name) for name in names)
    after = "".join(
        page((n, n, n), route=name) for n, name in zip((0, 0, 1, 2), names, strict=True)
    )
    found = route_stats(scrapes(before, after))
    assert [one.route for one in found] == ["/most", "/some", "/quiet/a", "/quiet/b"]


def test_recent_keeps_the_window() -> None:
    """Scrapes before the window are left out."""
    seen = scrapes(*[page()] * 6, period=3.0)
    assert [scrape.time for scrape in recent(seen, 10.0)] == [1006, 1009, 1012, 1015]
    assert recent([], 10.0) == []


def test_summary_of_workers_and_uptime() -> None:
    """The header has the sum of the rates, the workers, and the longest uptime."""
    text = (
        'sidelight_workers{state="live"} 2\nsidelight_workers{state="stuck"} 0\n'
        'process_start_time_seconds{worker="0"} 940\nprocess_start_time_seconds{worker="1"} 970\n'
    )
    service = summary([parse(text, time=1000)], [row(2.0), row(0.5), row(None)])
    assert service == ServiceSummary(rate=2.5, workers={"live": 2}, uptime=60.0)
    assert "http://x/metrics   2 workers   2.5 requests/s   up 0:01:00" in shown([], service)


def test_workers_are_counted_by_state() -> None:
    """If the states of workers differ, the header names them."""
    assert "1 live, 1 stuck" in shown([], ServiceSummary(None, {"stuck": 1, "live": 1}))


def test_a_short_terminal_shows_the_failing_routes() -> None:
    """If not all routes fit, those with errors or slow requests are shown first."""
    found = [row(9, route="/a"), row(8, route="/b"), row(7, slow=1, route="/c")]
    found += [row(1, errors=0.1, route="/d")]
    assert [one.route for one in most_relevant(found, 3)] == ["/a", "/c", "/d"]
    found = [row(9, slow=1, route="/a"), *(row(1, route=route) for route in ("/b", "/c", "/d"))]
    assert [one.route for one in most_relevant(found, 3)] == ["/a", "/b", "/c"]
    assert "and 1 more;" in shown(found, height=10)


def test_the_table_fits_a_hundred_columns() -> None:
    """No line is longer than 100 columns, also with a long template."""
    text = shown([row(12345.6, 1.0, 12345, route="/long" * 30)])
    assert max(len(line) for line in text.splitlines()) <= 100
    _, figures = text.split("…")
    values = "12345.6 100.0% 12345 4 ms 250 ms 1.50 s - -"
    assert " ".join(figures.split()) == values


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.00042, "420 µs"),
        (0.0999, "99.9 ms"),
        (0.09996, "100 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1 s"),
        (12.345, "12.3 s"),
    ],
)
def test_durations_have_a_unit(seconds: float | None, text: str) -> None:
    """A duration has three significant digits in the unit that fits, and is never 1000 ms."""
    assert duration(seconds) == text


def test_uptime() -> None:
    """Uptime is hours, minutes and seconds, or a dash if it is unknown."""
    assert [uptime(None), uptime(59.9), uptime(36_061)] == ["-", "0:00:59", "10:01:01"]


def test_waits_and_blocks_are_seconds_a_second() -> None:
    """A route's requests waited 2 s in 5 s, and its code blocked the loop for 1 s."""
    queue = "fastapi_request_queue_seconds"
    blocked = "asyncio_event_loop_blocked_seconds_total"
    labels = LABELS.format(method="GET", route="/carts/{user}")

    def with_waits(waited: float, held: float) -> str:
        sums = f"# TYPE {queue} histogram\n{queue}_sum{{{labels}}} {waited}\n"
        counter = f'# TYPE {blocked} counter\n{blocked}{{http_route="/carts/{{user}}"}} {held}\n'
        return page((5, 5, 5)) + sums + counter + f'{blocked}{{http_route=""}} {held * 9}\n'

    [found] = route_stats(scrapes(with_waits(1, 3), with_waits(3, 4)))
    assert (found.waiting, found.blocked) == (0.4, 0.2)


@pytest.mark.parametrize("order", ["slow", "errors"])
def test_routes_are_sorted_by_what_is_asked_for(order: str) -> None:
    """The quiet route with errors and slow requests comes first."""
    before = page(route="/a") + page(route="/b", slow=0) + page(route="/b", status="500")
    after = page((9, 9, 9), route="/a") + page(route="/b", slow=1)
    after += page((1, 1, 1), route="/b", status="500")
    assert [one.route for one in route_stats(scrapes(before, after), order)] == ["/b", "/a"]
