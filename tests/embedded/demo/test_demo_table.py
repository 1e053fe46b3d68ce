"""The figures of the shop's table, and how it shows them."""

import io
import math

import pytest
from rich.console import Console
from rich.text import Text

from sidelight.embedded.demo.figures import Row, Summary, quantile, rows, summary
from sidelight.embedded.demo.scrape import Scrape, increases, parse, recent
from sidelight.embedded.demo.screen import duration, fitting, screen, uptime

LABELS = 'http_request_method="{method}",http_route="{route}"'
BOUNDS = ("0.1", "0.5", "+Inf")


def page(
    counts: tuple[int, ...] = (0, 0, 0),
    status: str = "200",
    route: str = "/carts/{user}",
    slow: int | None = None,
) -> str:
    """A page of /metrics with one histogram, whose cumulative `counts` belong to BOUNDS."""
    own = LABELS.format(method="GET", route=route)
    name, labels = (
        "http_server_request_duration_seconds",
        f'{own},http_response_status_code="{status}"',
    )
    buckets = zip(BOUNDS, counts, strict=True)
    lines = [f"# TYPE {name} histogram"]
    lines += [f'{name}_bucket{{{labels},le="{le}"}} {count}' for le, count in buckets]
    lines += [f"{name}_count{{{labels}}} {counts[-1]}", f"{name}_sum{{{labels}}} 1.5"]
    if slow is not None:
        lines += ["# TYPE fastapi_slow_requests_total counter"]
        lines += [f"fastapi_slow_requests_total{{{own}}} {slow}"]
    return "\n".join(lines) + "\n"


def scrapes(*pages: str, period: float = 5.0) -> list[Scrape]:
    return [parse(text, at=1000 + period * number) for number, text in enumerate(pages)]


def shown(found: list[Row], whole: Summary | None = None, **options: int) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(screen("http://x/metrics", found, whole or Summary(None), Text(), **options))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def row(rate: float | None = 1.0, errors: float = 0.0, slow: int = 0, route: str = "/a") -> Row:
    return Row("GET", route, rate, errors, 0.004, 0.25, 1.5, slow)


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
    """A quantile is what Prometheus gives: linear from 0, and never above a finite bound."""
    buckets = dict(zip((0.1, 0.5, math.inf), counts, strict=True))
    assert quantile(q, buckets) == pytest.approx(expected)


@pytest.mark.parametrize(
    "buckets", [{}, {math.inf: 3.0}, {0.1: 0.0, math.inf: 0.0}, {0.1: 1.0, 0.5: 2.0}]
)
def test_quantile_of_nothing_is_none(buckets: dict[float, float]) -> None:
    """Without observations, finite buckets or a +Inf bucket there is no quantile."""
    assert quantile(0.5, buckets) is None


def test_quantile_in_a_lowest_bucket_that_is_not_positive() -> None:
    """In a lowest bucket that ends at or below 0, the quantile is its bound."""
    assert quantile(0.5, {-1.0: 3.0, 2.0: 4.0, math.inf: 4.0}) == -1.0


def test_parse_keeps_only_what_the_table_needs() -> None:
    """Families that nobody looks at never reach the parser, whatever they hold."""
    scrape = parse(page((1, 1, 1)) + 'other_total{a="b"} this is no number\n', at=0)
    assert {name for name, _ in scrape.samples} == {
        f"http_server_request_duration_seconds_{end}" for end in ("bucket", "count", "sum")
    }


def test_rates_errors_and_quantiles_come_from_the_difference() -> None:
    """What had happened before the first scrape counts for nothing."""
    before, after = page((100, 200, 300), slow=7), page((110, 220, 320), slow=9)
    [found] = rows(scrapes(before, after))
    assert (found.method, found.route) == ("GET", "/carts/{user}")
    assert found.rate == pytest.approx(4.0)
    assert found.errors == 0.0
    assert found.p50 == pytest.approx(0.1)
    assert found.p95 == pytest.approx(0.46)
    assert found.slow == 2


@pytest.mark.parametrize(("status", "errors"), [("500", 0.25), ("503", 0.25), ("404", 0.0)])
def test_only_5xx_are_errors(status: str, errors: float) -> None:
    """A 5xx is an error of the service, and a 4xx is not; both count as requests."""
    before = page() + page(status=status)
    after = page((30, 30, 30)) + page((10, 10, 10), status=status)
    [found] = rows(scrapes(before, after))
    assert found.errors == pytest.approx(errors)
    assert found.rate == pytest.approx(8.0)


def test_a_first_error_counts_from_zero() -> None:
    """A series that appears between two scrapes brings its whole value."""
    [found] = rows(scrapes(page((5, 5, 5)), page((9, 9, 9)) + page((1, 1, 1), status="500")))
    assert found.errors == pytest.approx(0.2)


def test_a_reset_counts_from_zero_again() -> None:
    """A counter that fell was restarted: growth before and after it is added up."""
    seen = scrapes(page((0, 0, 10)), page((0, 0, 14)), page((0, 0, 3)))
    grown = {name: value for (name, _), value in increases(seen).items() if name.endswith("count")}
    assert list(grown.values()) == [7]


@pytest.mark.parametrize("pages", [(page(),), (page((3, 3, 3)), page((3, 3, 3)))])
def test_no_traffic_has_no_figures(pages: tuple[str, ...]) -> None:
    """A route that nobody asked for has a row of `None`, and a table without NaN."""
    found = rows(scrapes(*pages))
    assert found == [Row("GET", "/carts/{user}", None, None, None, None, None, 0)]
    line = next(line for line in shown(found).splitlines() if "/carts" in line)
    assert line.split() == ["GET", "/carts/{user}", *"------"]


def test_no_scrape_yet() -> None:
    """Before the first scrape there are no rows, and the header has nothing to tell."""
    assert rows([]) == []
    assert "- workers   - requests/s   up -" in shown([], summary([], []))


def test_rows_are_sorted_by_rate() -> None:
    """The busiest route comes first, and those without traffic by name at the end."""
    names = ("/quiet/b", "/quiet/a", "/some", "/most")
    before = "".join(page(route=name) for name in names)
    after = "".join(
        page((n, n, n), route=name) for n, name in zip((0, 0, 1, 2), names, strict=True)
    )
    found = rows(scrapes(before, after))
    assert [one.route for one in found] == ["/most", "/some", "/quiet/a", "/quiet/b"]


def test_recent_keeps_the_window() -> None:
    """Scrapes older than the window before the newest one are left out."""
    seen = scrapes(*[page()] * 6, period=3.0)
    assert [scrape.at for scrape in recent(seen, 10.0)] == [1006, 1009, 1012, 1015]
    assert recent([], 10.0) == []


def test_summary_of_workers_and_uptime() -> None:
    """The header adds the rates, counts the workers, and takes the oldest start."""
    text = (
        'sidelight_workers{state="live"} 2\nsidelight_workers{state="stuck"} 0\n'
        'process_start_time_seconds{worker="0"} 940\nprocess_start_time_seconds{worker="1"} 970\n'
    )
    whole = summary([parse(text, at=1000)], [row(2.0), row(0.5), row(None)])
    assert whole == Summary(rate=2.5, workers={"live": 2}, uptime=60.0)
    assert "http://x/metrics   2 workers   2.5 requests/s   up 0:01:00" in shown([], whole)


def test_workers_in_different_states_are_told_apart() -> None:
    """As soon as a worker differs from the others, the header names the states."""
    assert "1 live, 1 stuck" in shown([], Summary(None, {"stuck": 1, "live": 1}))


def test_a_short_screen_keeps_the_rows_in_trouble() -> None:
    """Of more rows than fit, errors and slow routes stay, then the busiest, in their order."""
    found = [row(9, route="/a"), row(8, route="/b"), row(7, slow=1, route="/c")]
    found += [row(1, errors=0.1, route="/d")]
    assert [one.route for one in fitting(found, 3)] == ["/a", "/c", "/d"]
    assert "and 1 more;" in shown(found, height=10)


def test_the_table_fits_a_hundred_columns() -> None:
    """No line is longer than 100 columns, however long a template is."""
    text = shown([row(12345.6, 1.0, 12345, route="/long" * 30)])
    assert max(len(line) for line in text.splitlines()) <= 100
    _, figures = text.split("…")
    assert figures.split() == ["12345.6", "100.0%", "12345", "4.0", "ms", "250", "ms", "1.50", "s"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.00042, "0.4 ms"),
        (0.0999, "99.9 ms"),
        (0.09996, "100 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (12.345, "12.35 s"),
    ],
)
def test_durations_read_in_their_unit(seconds: float | None, text: str) -> None:
    """A duration has the unit that keeps it short, and never 1000 ms."""
    assert duration(seconds) == text


def test_uptime_reads_as_a_clock() -> None:
    """Uptime is hours, minutes and seconds, or nothing where it is unknown."""
    assert [uptime(None), uptime(59.9), uptime(36_061)] == ["-", "0:00:59", "10:01:01"]
