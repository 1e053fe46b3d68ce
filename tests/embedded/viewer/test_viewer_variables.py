"""Variables in queries, addresses and links, as Grafana interpolates them."""

import re

import pytest

from sidelight.embedded.viewer.dashboard import Dashboard
from sidelight.embedded.viewer.time_range import QueryInterval
from sidelight.embedded.viewer.variable_options import (
    chosen,
    parse_label_values,
    parse_query_result,
    result_line,
)
from sidelight.embedded.viewer.variables import (
    ALL,
    PageState,
    address,
    dashboard_link,
    data_link,
    escape_regex,
    interpolate,
    page_state,
    title,
)
from tests.embedded.viewer.builders import make_dashboard, query_variable, series

INTERVAL = QueryInterval(15, 60, 3600)


def dashboard(**more: object) -> Dashboard:
    choice = {"multi": True, "includeAll": True}
    variables = [
        {"type": "datasource", "name": "datasource", "query": "prometheus"},
        query_variable("job", "label_values(up, job)", allValue=".+", **choice),
        query_variable("route", 'label_values(up{job=~"$job"}, route)', allValue=".*", **choice),
        query_variable("list", "label_values(up, list)", **choice),
        query_variable("one", "label_values(up, one)", current={"value": "first"}),
    ]
    return make_dashboard(templating={"list": variables}, **more)


def state(**values: tuple[str, ...]) -> PageState:
    return PageState(values, "now-1h", "now", options={"list": ("a", "b.c")})


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, 'x{job=~".+"}'),
        ({"job": (ALL,)}, 'x{job=~".+"}'),
        ({"job": ("shop",)}, 'x{job=~"shop"}'),
        ({"job": ("shop", "a.b")}, r'x{job=~"(shop|a\\.b)"}'),
        ({"job": ("",)}, 'x{job=~""}'),
        ({"job": ("/p/{id}",)}, r'x{job=~"/p/\\{id\\}"}'),
    ],
)
def test_a_multi_value_variable_is_a_pattern(values: dict[str, tuple[str, ...]], text: str) -> None:
    """All becomes its pattern, one value is escaped, and several become an alternation."""
    assert interpolate('x{job=~"$job"}', dashboard(), state(**values), INTERVAL) == text


def test_all_without_a_pattern_is_every_option() -> None:
    """Without an ``allValue``, All becomes an alternation of all options."""
    assert interpolate("$list", dashboard(), state(), INTERVAL) == r"(a|b\\.c)"


def test_a_single_value_variable_is_a_string() -> None:
    """A variable with neither multiple values nor All is escaped as a string."""
    assert (
        interpolate('x{one="$one"}', dashboard(), state(one=('a.b"\\',)), INTERVAL)
        == r'x{one="a.b\"\\"}'
    )


def test_intervals() -> None:
    """Intervals and ranges are replaced in every form of reference."""
    text = "[$__rate_interval] [${__interval}] [[__range]] $__range_s $__interval_ms $other"
    assert interpolate(text, dashboard(), state(), INTERVAL) == "[1m] [15s] 3600s 3600 15000 $other"


@pytest.mark.parametrize(
    "value", ["a.b", r"back\slash", 'quo"te', "new\nline", "a|b", "(x)", "$1", "'", "^[a]{2}*+?"]
)
def test_an_escaped_value_matches_only_itself(value: str) -> None:
    """After PromQL has unescaped the string, the pattern matches only the value."""
    in_string = escape_regex(value).encode().decode("unicode_escape")
    assert re.fullmatch(in_string, value)
    assert not re.fullmatch(in_string, value + "x")
    assert re.search(r'(?<!\\)(\\\\)*"', escape_regex(value)) is None


def test_an_address_is_read_back() -> None:
    """The state that is read from an address produces the same address."""
    query = "from=now-15m&to=now&refresh=10s&var-job=a&var-job=b+c&var-route=&var-unknown=1"
    found = page_state(dashboard(), query)
    assert found.values == {"job": ("a", "b c"), "route": ("",)}
    assert (found.time_from, found.time_to, found.refresh) == ("now-15m", "now", "10s")
    again = address("sidelight-made", found)
    assert again == (
        "/d/sidelight-made?from=now-15m&to=now&refresh=10s&var-job=a&var-job=b+c&var-route="
    )
    assert page_state(dashboard(), again.partition("?")[2]) == found


def test_an_address_without_parameters_has_the_dashboards_defaults() -> None:
    """Time range, refresh and values default to those of the dashboard."""
    found = page_state(dashboard(time={"from": "now-6h", "to": "now"}, refresh="1m"), "")
    assert (found.time_from, found.time_to, found.refresh, found.values) == (
        "now-6h",
        "now",
        "1m",
        {},
    )


@pytest.mark.parametrize("text", ["$__all", "All"])
def test_all_replaces_other_values(text: str) -> None:
    """Both of Grafana's forms of All replace the other values."""
    assert page_state(dashboard(), f"var-job=shop&var-job={text}").values == {"job": (ALL,)}


def test_a_data_link() -> None:
    """Data source, time range and the row's fields are replaced and percent-encoded."""
    url = "/d/x?${datasource:queryparam}&${__url_time_range}&var-route=${__data.fields.Route}"
    fields = {"Route": "/p/{id}&var-job=evil#?"}
    assert data_link(url, state(), fields) == (
        "/d/x?var-datasource=default&from=now-1h&to=now"
        "&var-route=%2Fp%2F%7Bid%7D%26var-job%3Devil%23%3F"
    )


def test_a_data_link_keeps_the_variables() -> None:
    """A variable becomes a parameter for each value; without a value it is All."""
    assert data_link("?${job:queryparam}", state(job=("a", "b")), {}) == "?var-job=a&var-job=b"
    assert data_link("?${job:queryparam}", state(), {}) == "?var-job=%24__all"


def test_a_dashboard_link() -> None:
    """A link to another dashboard has the time range and the variables."""
    assert dashboard_link("/d/y", state(job=("a",))) == "/d/y?from=now-1h&to=now&var-job=a"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("label_values(up, job)", ("up", "job")),
        ('label_values(up{a=~"x, y"},instance)', ('up{a=~"x, y"}', "instance")),
        ("label_values(job)", ("", "job")),
    ],
)
def test_label_values(query: str, expected: tuple[str, str]) -> None:
    """The query of a variable has an optional selector and a label."""
    assert parse_label_values(query) == expected


def test_any_other_query_of_a_variable_is_refused() -> None:
    """The error names a query that is not ``label_values``."""
    with pytest.raises(ValueError, match=r"'metrics\(up\)' is not label_values"):
        parse_label_values("metrics(up)")


def test_a_query_finds_options_by_a_pattern() -> None:
    """Of each series of ``query_result``, written as Grafana does, the first group is an option."""
    assert parse_query_result("query_result(count by (job) (up))") == "count by (job) (up)"
    assert parse_query_result("label_values(up, job)") == ""
    lines = [result_line(series({"job": job}, (1.5, 3))) for job in ("a", 'odd"} 1', "a")]
    assert lines[0] == '{job="a"} 3 1500'
    assert chosen(lines, '/^{job="(.*)"}/') == ("a", 'odd"} 1')
    assert chosen(["b", "a"], "") == ["b", "a"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "p95 of All first"),
        ({"job": ("a", "b"), "one": ("second",)}, "p95 of a + b second"),
    ],
)
def test_a_title_has_the_values_of_variables(
    values: dict[str, tuple[str, ...]], expected: str
) -> None:
    """In a title, a variable is replaced by its values, and All by its name."""
    assert title("p95 of $job $one", dashboard(), state(**values)) == expected
