"""Tables: data frames are merged, organized and sorted, and become cells."""

import math
from typing import Any

import pytest

from sidelight.embedded.viewer.table import (
    DataFrame,
    content,
    data_frame,
    merge,
    organize,
    sort,
    transformed,
)
from sidelight.embedded.viewer.variables import PageState
from tests.embedded.viewer.builders import make_panel, override, query, result, series

NAN = math.nan
STATE = PageState({}, "now-1h", "now")
MERGED = [{"id": "merge", "options": {}}]


def test_a_result_as_a_data_frame() -> None:
    """Each series is a row with its latest value; a label that it lacks is None."""
    found = result(series({"job": "a"}, (1, 10), (2, 20)), series({"job": "b", "x": "y"}, (2, 5)))
    assert data_frame(found, "Value #B") == DataFrame(
        ("Time", "job", "x", "Value #B"), ((2, "a", None, 20), (2, "b", "y", 5))
    )


def test_queries_are_merged_by_shared_columns() -> None:
    """Rows with equal shared columns become one row with a column for each query."""
    one = DataFrame(("Time", "job", "Value #A"), ((1.0, "a", 1.0), (1.0, "b", 2.0)))
    other = DataFrame(("Time", "job", "Value #B"), ((1.0, "b", 3.0), (1.0, "c", 4.0)))
    assert merge([one, other]).rows == (
        (1.0, "a", 1.0, None),
        (1.0, "b", 2.0, 3.0),
        (1.0, "c", None, 4.0),
    )


def test_an_empty_result_is_merged() -> None:
    """A query without a result adds its column and removes no row."""
    one = DataFrame(("Time", "job", "Value #A"), ((1.0, "a", 1.0),))
    assert merge([one, DataFrame(("Time", "Value #B"), ())]).rows == ((1.0, "a", 1.0, None),)


def test_contradicting_rows_are_not_merged() -> None:
    """No value is lost if two rows have equal shared columns and differ in another."""
    one = DataFrame(
        ("Time", "job", "instance", "Value #A"), ((1.0, "a", "x", 1.0), (1.0, "a", "y", 2.0))
    )
    other = DataFrame(("Time", "job", "Value #B"), ((1.0, "a", 9.0),))
    assert merge([one, other]).rows == ((1.0, "a", "x", 1.0, 9.0), (1.0, "a", "y", 2.0, None))


def test_organize() -> None:
    """Columns are excluded, ordered and renamed; a column without an index comes last."""
    frame = DataFrame(("Time", "job", "extra", "Value"), ((1.0, "a", "e", 5.0),))
    options = {
        "excludeByName": {"Time": True},
        "indexByName": {"Value": 0, "job": 1},
        "renameByName": {"Value": "Errors", "job": "Service"},
    }
    assert organize(frame, options) == DataFrame(("Errors", "Service", "extra"), ((5.0, "a", "e"),))


@pytest.mark.parametrize(
    ("descending", "expected"), [(True, [3, 1, NAN, None]), (False, [1, 3, NAN, None])]
)
def test_rows_without_a_value_come_last(*, descending: bool, expected: list[Any]) -> None:
    """Rows without a value come last in both orders."""
    frame = DataFrame(("x",), ((NAN,), (3.0,), (None,), (1.0,)))
    assert repr([row[0] for row in sort(frame, "x", descending=descending).rows]) == repr(
        [float(x) if x else x for x in expected]
    )


def test_a_single_query_has_a_column_without_a_letter() -> None:
    """As in Grafana, the column of a single query is ``Value``."""
    panel = make_panel("table", transformations=MERGED)
    assert transformed(panel, [result(series({"job": "a"}, (1, 2)))]).columns == (
        "Time",
        "job",
        "Value",
    )


def test_cells() -> None:
    """A cell has the value to sort by, a text with the unit, a color and an address."""
    steps = [{"value": None, "color": "#111111"}, {"value": 0.01, "color": "#222222"}]
    panel = make_panel(
        "table",
        targets=[query("A"), query("B")],
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
    first = result(series({"job": "a b"}, (1, 2.5)), series({"job": "c"}, (1, 12.25)))
    second = result(series({"job": "c"}, (1, 0.02)))
    assert content(panel, [first, second], STATE) == {
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
                [None, "", "", ""],
            ],
        ],
        "sort": {"column": 1, "descending": True},
    }


def test_a_hidden_column_is_in_links() -> None:
    """A column that is hidden is not shown, and a link can have its values."""
    panel = make_panel(
        "table",
        transformations=MERGED,
        options={"sortBy": [{"displayName": "Value", "desc": False}]},
        fieldConfig={
            "overrides": [
                override("Time", custom__hidden=True),
                override("route", custom__hideFrom={"viz": True}),
                override("shown", links=[{"url": "/d/x?r=${__data.fields.route}"}]),
            ],
        },
    )
    labels = ({"route": "/a b", "shown": "/a b"}, {"shown": "no route"})
    rows = [series(one, (1, 5 - at)) for at, one in enumerate(labels)]
    found = content(panel, [result(*rows)], STATE)
    assert found == {
        "columns": [{"name": "shown", "number": False}, {"name": "Value", "number": True}],
        "rows": [
            [["no route", "no route", "", "/d/x?r="], [4, "4", "", ""]],
            [["/a b", "/a b", "", "/d/x?r=%2Fa%20b"], [5, "5", "", ""]],
        ],
        "sort": {"column": 1, "descending": False},
    }


def test_empty_cells_are_empty() -> None:
    """A cell without a value has its field's text for no value, and no link if that is empty."""
    panel = make_panel(
        "table",
        transformations=MERGED,
        fieldConfig={"overrides": [override("job", links=[{"url": "/d/x"}])]},
    )
    found = content(panel, [result(series({"job": ""}, (1, 5)))], STATE)
    assert found is not None
    assert found["rows"][0][1] == ["", "", "", ""]
    panel = make_panel("table", fieldConfig={"defaults": {"noValue": "none"}})
    found = content(panel, [result(series({"job": ""}, (1, NAN)))], STATE)
    assert found is not None
    assert [cell[1] for cell in found["rows"][0][1:]] == ["none", "none"]


def test_a_runbook_is_shown_by_the_viewer() -> None:
    """A link to the runbook of an alert leads to the viewer's page of alerts."""
    url = "https://wiki.example/runbooks/${__data.fields.alertname}.md"
    panel = make_panel(
        "table",
        transformations=MERGED,
        fieldConfig={"overrides": [override("alertname", links=[{"url": url}])]},
    )
    found = content(panel, [result(series({"alertname": "TargetsDown"}, (1, 5)))], STATE)
    assert found is not None
    assert found["rows"][0][1][3] == "/alerts?open=TargetsDown"


def test_no_rows_are_no_content() -> None:
    """Without a result there is no table."""
    assert content(make_panel("table", transformations=MERGED), [result()], STATE) is None
