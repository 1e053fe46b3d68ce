"""Operators between vectors, and between a vector and a scalar."""

import pytest

from sidelight.embedded.promql.limits import QueryError
from tests.embedded.promql.series_notation import WrittenSeries, instant, ranged

SHOP = """
bad{route="/a",code="500"} 1
bad{route="/b",code="500"} 6
all{route="/a"} 10
all{route="/b"} 12
all{route="/c"} 5
info{version="v2"} 1
two{route="/a",n="1"} 3
two{route="/a",n="2"} 4
"""

DOUBLE = (
    'found duplicate series for the match group {route="/a"} on the right hand-side of the '
    'operation: [{__name__="two", n="2", route="/a"}, {__name__="two", n="1", route="/a"}];'
    "many-to-many matching not allowed: matching labels must be unique on one side"
)
EXPLICIT = (
    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
)


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        (
            "bad / ignoring(code) all",
            {'{route="/a"}': 0.1, '{route="/b"}': 0.5},
        ),
        ("bad / on(route) all", {'{route="/a"}': 0.1, '{route="/b"}': 0.5}),
        ("bad / all", {}),
        ("all / all", {'{route="/a"}': 1.0, '{route="/b"}': 1.0, '{route="/c"}': 1.0}),
        (
            'all{route="/a"} * on() group_left(version) info',
            {'{route="/a",version="v2"}': 10.0},
        ),
        (
            "two * on(route) group_left() all",
            {'{n="1",route="/a"}': 30.0, '{n="2",route="/a"}': 40.0},
        ),
        (
            "all - on(route) group_right(code) two",
            {'{n="1",route="/a"}': 7.0, '{n="2",route="/a"}': 6.0},
        ),
        (
            "all > on(route) group_right() two",
            {'two{n="1",route="/a"}': 10.0, 'two{n="2",route="/a"}': 10.0},
        ),
        ("all > 10", {'all{route="/b"}': 12.0}),
        ("10 < all", {'all{route="/b"}': 12.0}),
        ("all > bool 10", {'{route="/a"}': 0.0, '{route="/b"}': 1.0, '{route="/c"}': 0.0}),
        ("bad > ignoring(code) (all - 8)", {'bad{route="/b"}': 6.0}),
        ("bad >= bool ignoring(code) (all - 6)", {'{route="/a"}': 0.0, '{route="/b"}': 1.0}),
        ('2 ^ all{route="/c"} % 7', {'{route="/c"}': 4.0}),
        ('-all{route="/c"} % 3', {'{route="/c"}': -2.0}),
        ("bad and on(route) (all > 10)", {'bad{code="500",route="/b"}': 6.0}),
        ("bad unless on(route) (all > 10)", {'bad{code="500",route="/a"}': 1.0}),
        (
            'all{route="/a"} or all{route="/c"} or all',
            {'all{route="/a"}': 10.0, 'all{route="/c"}': 5.0, 'all{route="/b"}': 12.0},
        ),
        ("sum(none) or vector(0)", {"": 0.0}),
        ("sum(all) or vector(0)", {"": 27.0}),
        (
            "bad or on(route) all",
            {
                'bad{code="500",route="/a"}': 1.0,
                'bad{code="500",route="/b"}': 6.0,
                'all{route="/c"}': 5.0,
            },
        ),
        ("all unless all", {}),
        ("all and none", {}),
    ],
)
def test_operators(query: str, answer: dict[str, float]) -> None:
    """Labels, names and values are those that Prometheus gives."""
    assert instant(query, WrittenSeries(SHOP)) == pytest.approx(answer)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        (
            "all * on(route) two",
            DOUBLE,
        ),
        (
            "two * on(route) group_right two",
            'found duplicate series for the match group {route="/a"} on the left hand-side of',
        ),
        (
            "two * on(route) all",
            EXPLICIT,
        ),
        (
            "two * on(route) group_left(n) all",
            "multiple matches for labels: grouping labels must ensure unique matches",
        ),
        ('{__name__=~"all|bad"} * 0 + on() group_left vector(1)', None),
        (
            '-label_replace(all, "route", "", "", "")',
            "vector cannot contain metrics with the same labelset",
        ),
        ('rate({__name__=~"all|both"}[1m])', None),
    ],
)
def test_ambiguous_matches_are_errors(query: str, problem: str | None) -> None:
    """Ambiguous matches are errors with Prometheus's messages."""
    if problem is None:
        instant(query, WrittenSeries(SHOP))
        return
    with pytest.raises(QueryError) as caught:
        instant(query, WrittenSeries(SHOP))
    assert caught.value.kind == "execution"
    assert problem in caught.value.message


def test_duplicates_at_different_steps_are_allowed() -> None:
    """A series that ended before another series of its group began is not a duplicate."""
    source = WrittenSeries('x{v="1"} 1 1 stale\nx{v="2"} _ _ 2 2\ny 10 10 10 10')
    answer = {0.0: 10.0, 10.0: 10.0, 20.0: 20.0, 30.0: 20.0}
    assert ranged("y * on() x", source, 0, 30, 10) == {"": answer}
    labelled = ranged("y * on() group_left(v) x", source, 0, 30, 10)
    assert labelled == {
        '{v="1"}': {0.0: 10.0, 10.0: 10.0},
        '{v="2"}': {20.0: 20.0, 30.0: 20.0},
    }


def test_duplicates_without_a_match_are_allowed() -> None:
    """Duplicates are allowed where the other side has no series."""
    source = WrittenSeries('x{v="1"} 1\nx{v="2"} 2')
    assert instant("none * on() x", source) == {}


def test_operators_between_scalars() -> None:
    """Comparisons of scalars are 0 or 1; division by zero has a value."""
    source = WrittenSeries("x 1")
    assert instant("1 / 0", source) == {"scalar": float("inf")}
    assert instant("2 > bool 1", source) == {"scalar": 1.0}
    assert instant("-2 ^ 2", source) == {"scalar": -4.0}
    assert instant("2 ^ 3 ^ 2", source) == {"scalar": 512.0}
    assert instant("-7 % 4", source) == {"scalar": -3.0}


def test_set_operators_at_each_step() -> None:
    """A set operator compares the series that are present at the same step."""
    source = WrittenSeries("x 1 2 3\ny 5 stale 7")
    assert ranged("x and y", source, 0, 20, 10) == {"x": {0.0: 1.0, 20.0: 3.0}}
    assert ranged("x unless y", source, 0, 20, 10) == {"x": {10.0: 2.0}}
    assert ranged("y or x", source, 0, 20, 10) == {
        "x": {10.0: 2.0},
        "y": {0.0: 5.0, 20.0: 7.0},
    }
