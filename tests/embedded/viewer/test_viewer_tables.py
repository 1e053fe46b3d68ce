"""Tables: answers merged, organized, ordered, and put into cells."""

import math
from typing import Any

import pytest

from sidelight.embedded.viewer.reduce import reduced
from sidelight.embedded.viewer.tables import content
from sidelight.embedded.viewer.transform import Table, merge, of_answer, ordered, organize, table
from sidelight.embedded.viewer.variables import Chosen
from tests.embedded.viewer.made import answer, made_panel, override, series, target

NAN = math.nan
HERE = Chosen({}, "now-1h", "now")
MERGED = [{"id": "merge", "options": {}}]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lastNotNull", 3.0), ("firstNotNull", 2.0), ("max", 5.0), ("min", 2.0), ("sum", 10.0),
        ("mean", 10 / 3), ("count", 5.0),
    ],
)  # fmt: skip
def test_reduced(name: str, expected: float) -> None:
    """One number of many; NaN is no value, and only ``count`` counts it."""
    assert reduced([NAN, 2.0, 5.0, 3.0, NAN], name) == expected


def test_first_and_last_may_be_nan() -> None:
    """``first`` and ``last`` are whatever is there; of nothing there is none."""
    assert math.isnan(reduced([NAN, 1.0], "first") or 0)
    assert reduced([NAN, 1.0], "last") == 1.0
    assert reduced([], "last") is reduced([NAN], "max") is None


def test_an_answer_as_a_table() -> None:
    """A row a series, with its newest value; a label that a series lacks is nothing."""
    found = answer(series({"job": "a"}, (1, 10), (2, 20)), series({"job": "b", "x": "y"}, (2, 5)))
    assert of_answer(found, "Value #B") == Table(
        ("Time", "job", "x", "Value #B"), ((2, "a", None, 20), (2, "b", "y", 5))
    )


def test_queries_are_merged_by_what_they_share() -> None:
    """Rows with the same keys become one row, with a column a query; no value is nothing."""
    one = Table(("Time", "job", "Value #A"), ((1.0, "a", 1.0), (1.0, "b", 2.0)))
    other = Table(("Time", "job", "Value #B"), ((1.0, "b", 3.0), (1.0, "c", 4.0)))
    assert merge([one, other]).rows == (
        (1.0, "a", 1.0, None),
        (1.0, "b", 2.0, 3.0),
        (1.0, "c", None, 4.0),
    )


def test_an_answer_of_nothing_merges_with_anything() -> None:
    """A query without an answer adds its column and takes no row away."""
    one = Table(("Time", "job", "Value #A"), ((1.0, "a", 1.0),))
    assert merge([one, Table(("Time", "Value #B"), ())]).rows == ((1.0, "a", 1.0, None),)


def test_rows_that_contradict_stay_apart() -> None:
    """No value is lost where two rows share their keys and differ in another column."""
    one = Table(
        ("Time", "job", "instance", "Value #A"), ((1.0, "a", "x", 1.0), (1.0, "a", "y", 2.0))
    )
    other = Table(("Time", "job", "Value #B"), ((1.0, "a", 9.0),))
    assert merge([one, other]).rows == ((1.0, "a", "x", 1.0, 9.0), (1.0, "a", "y", 2.0, None))


def test_organize() -> None:
    """Columns are left out, ordered and named anew; one without a place comes last."""
    made = Table(("Time", "job", "extra", "Value"), ((1.0, "a", "e", 5.0),))
    options = {
        "excludeByName": {"Time": True},
        "indexByName": {"Value": 0, "job": 1},
        "renameByName": {"Value": "Errors", "job": "Service"},
    }
    assert organize(made, options) == Table(("Errors", "Service", "extra"), ((5.0, "a", "e"),))


@pytest.mark.parametrize(
    ("descending", "expected"), [(True, [3, 1, NAN, None]), (False, [1, 3, NAN, None])]
)
def test_rows_without_a_value_come_last(*, descending: bool, expected: list[Any]) -> None:
    """Whichever way a column is ordered."""
    made = Table(("x",), ((NAN,), (3.0,), (None,), (1.0,)))
    assert repr([row[0] for row in ordered(made, "x", descending=descending).rows]) == repr(
        [float(x) if x else x for x in expected]
    )


def test_one_query_has_a_column_of_another_name() -> None:
    """Grafana calls the value of a single query ``Value``, without a letter."""
    panel = made_panel("table", transformations=MERGED)
    assert table(panel, [answer(series({"job": "a"}, (1, 2)))]).columns == ("Time", "job", "Value")


def test_cells() -> None:
    """A cell has what it is sorted by, its text with unit and decimals, colour and address."""
    steps = [{"value": None, "color": "#111111"}, {"value": 0.01, "color": "#222222"}]
    panel = made_panel(
        "table",
        targets=[target("A"), target("B")],
        transformations=[*MERGED, {"id": "organize", "options": {"excludeByName": {"Time": True}}}],
        options={"sortBy": [{"displayName": "Value #A", "desc": True}]},
        fieldConfig={
            "defaults": {"unit": "reqps"},
            "overrides": [
                override("job", links=[{"url": "/d/x?var-job=${__data.fields.job}"}]),
                override(
                    "Value #B",
                    unit="percentunit",
                    decimals=1,
                    thresholds={"steps": steps},
                    custom__cellOptions={"type": "color-text"},
                ),
            ],
        },
    )
    first = answer(series({"job": "a b"}, (1, 2.5)), series({"job": "c"}, (1, 12.25)))
    second = answer(series({"job": "c"}, (1, 0.02)))
    assert content(panel, [first, second], HERE) == {
        "columns": [
            {"name": "job", "number": False},
            {"name": "Value #A", "number": True},
            {"name": "Value #B", "number": True},
        ],
        "rows": [
            [
                ["c", "c", "", "/d/x?var-job=c"],
                [12.25, "12.3 req/s", "", ""],
                [0.02, "2.0%", "#222222", ""],
            ],
            [
                ["a b", "a b", "", "/d/x?var-job=a%20b"],
                [2.5, "2.50 req/s", "", ""],
                [None, "-", "", ""],
            ],
        ],
        "sort": {"column": 1, "descending": True},
    }


def test_no_rows_are_no_table() -> None:
    """Where no query answers anything, there is nothing to show."""
    assert content(made_panel("table", transformations=MERGED), [answer()], HERE) is None
