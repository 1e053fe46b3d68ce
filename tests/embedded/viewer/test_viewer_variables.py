"""Variables in queries, titles and links, as Grafana fills them in."""

import re

import pytest

from sidelight.embedded.viewer.board import Board
from sidelight.embedded.viewer.times import Steps
from sidelight.embedded.viewer.variables import (
    ALL,
    Chosen,
    address,
    board_link,
    fill,
    label_values,
    link,
    read,
    regular,
    words,
)
from tests.embedded.viewer.made import made_board, query_variable

STEPS = Steps(15, 60, 3600)


def board(**more: object) -> Board:
    choice = {"multi": True, "includeAll": True}
    variables = [
        {"type": "datasource", "name": "datasource", "query": "prometheus"},
        query_variable("job", "label_values(up, job)", allValue=".+", **choice),
        query_variable("route", 'label_values(up{job=~"$job"}, route)', allValue=".*", **choice),
        query_variable("list", "label_values(up, list)", **choice),
        query_variable("one", "label_values(up, one)", current={"value": "first"}),
    ]
    return made_board(templating={"list": variables}, **more)


def chosen(**values: tuple[str, ...]) -> Chosen:
    return Chosen(values, "now-1h", "now", lists={"list": ("a", "b.c")})


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
def test_a_choice_of_several_is_a_pattern(values: dict[str, tuple[str, ...]], text: str) -> None:
    """All is its own pattern; one value is escaped; several are an alternative of escaped ones."""
    assert fill('x{job=~"$job"}', board(), chosen(**values), STEPS) == text


def test_all_without_a_pattern_is_every_value() -> None:
    """Where no pattern stands for All, it is an alternative of what could be chosen."""
    assert fill("$list", board(), chosen(), STEPS) == r"(a|b\\.c)"


def test_a_choice_of_one_is_a_literal() -> None:
    """A variable with neither several nor All is escaped as a string, not as a pattern."""
    assert fill('x{one="$one"}', board(), chosen(one=('a.b"\\',)), STEPS) == r'x{one="a.b\"\\"}'


def test_windows() -> None:
    """Steps, windows and lengths are filled in, in every form of reference."""
    text = "[$__rate_interval] [${__interval}] [[__range]] $__range_s $__interval_ms $other"
    assert fill(text, board(), chosen(), STEPS) == "[1m] [15s] 3600s 3600 15000 $other"


@pytest.mark.parametrize(
    "value", ["a.b", r"back\slash", 'quo"te', "new\nline", "a|b", "(x)", "$1", "'", "^[a]{2}*+?"]
)
def test_an_escaped_value_matches_itself_alone(value: str) -> None:
    """As PromQL reads its string, and its pattern from that, only the value itself matches."""
    in_string = regular(value).encode().decode("unicode_escape")
    assert re.fullmatch(in_string, value)
    assert not re.fullmatch(in_string, value + "x")
    assert re.search(r'(?<!\\)(\\\\)*"', regular(value)) is None


def test_an_address_is_read_back() -> None:
    """What an address says is what is chosen; writing that again gives the same address."""
    query = "from=now-15m&to=now&refresh=10s&var-job=a&var-job=b+c&var-route=&var-unknown=1"
    found = read(board(), query)
    assert found.values == {"job": ("a", "b c"), "route": ("",)}
    assert (found.since, found.until, found.refresh) == ("now-15m", "now", "10s")
    again = address("sidelight-made", found)
    assert again == (
        "/d/sidelight-made?from=now-15m&to=now&refresh=10s&var-job=a&var-job=b+c&var-route="
    )
    assert read(board(), again.partition("?")[2]) == found


def test_an_address_without_a_choice_has_the_dashboards_own() -> None:
    """Time, refresh and values default to the dashboard's."""
    found = read(board(time={"from": "now-6h", "to": "now"}, refresh="1m"), "")
    assert (found.since, found.until, found.refresh, found.values) == ("now-6h", "now", "1m", {})


@pytest.mark.parametrize("text", ["$__all", "All"])
def test_all_beside_others_is_all(text: str) -> None:
    """Grafana's links write All in two ways; with others beside it, it is All."""
    assert read(board(), f"var-job=shop&var-job={text}").values == {"job": (ALL,)}


def test_a_data_link() -> None:
    """Data source, time and the row's fields are filled in, each percent-encoded."""
    url = "/d/x?${datasource:queryparam}&${__url_time_range}&var-route=${__data.fields.Route}"
    fields = {"Route": "/p/{id}&var-job=evil#?"}
    assert link(url, chosen(), fields) == (
        "/d/x?var-datasource=default&from=now-1h&to=now"
        "&var-route=%2Fp%2F%7Bid%7D%26var-job%3Devil%23%3F"
    )


def test_a_data_link_keeps_a_choice() -> None:
    """A variable as a parameter has every value of its choice; not chosen it is All."""
    assert link("?${job:queryparam}", chosen(job=("a", "b")), {}) == "?var-job=a&var-job=b"
    assert link("?${job:queryparam}", chosen(), {}) == "?var-job=%24__all"


def test_a_dashboards_link() -> None:
    """A link to another dashboard has time and variables where it asks for them."""
    state = chosen(job=("a",))
    assert (
        board_link("/d/y", state, variables=True, time=True) == "/d/y?from=now-1h&to=now&var-job=a"
    )
    assert board_link("/d/y", state, variables=False, time=False) == "/d/y"


def test_words() -> None:
    """In a title All is a word, and several values are joined."""
    assert words("of $job on $route", board(), chosen(job=("a", "b"))) == "of a + b on All"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("label_values(up, job)", ("up", "job")),
        ('label_values(up{a=~"x, y"},instance)', ('up{a=~"x, y"}', "instance")),
        ("label_values(job)", ("", "job")),
    ],
)
def test_label_values(query: str, expected: tuple[str, str]) -> None:
    """Selector and label of a variable's query."""
    assert label_values(query) == expected


def test_another_query_of_a_variable_is_refused() -> None:
    """What isn't label_values is named."""
    with pytest.raises(ValueError, match=r"'metrics\(up\)' is not label_values"):
        label_values("metrics(up)")
