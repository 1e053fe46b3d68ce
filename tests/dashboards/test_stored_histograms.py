"""Services, instances, routes and methods are in the lists, however histograms are stored."""

from typing import get_args

import pytest

from sidelight.embedded.promql.engine import Vector, instant_query
from sidelight.histogram_queries import DURATION
from tests.dashboards.reading import dashboards, sent, variable_query, variables
from tests.embedded.promql.conformance.loaded_series import LoadedSeries
from tests.embedded.promql.conformance.script import Load
from tests.embedded.promql.conformance.series_line import series_line
from tests.slo.stored_histograms import Storage, stored

LABELS = {"job": "shop", "instance": "a", "http_route": "/", "http_request_method": "GET"}
QUERIES = sorted(
    {
        variable_query(one)
        for board in dashboards()
        for one in variables(board)
        if one["type"] == "query" and one["name"] in {"job", "instance", "route", "method"}
    }
)


@pytest.mark.parametrize("storage", get_args(Storage))
@pytest.mark.parametrize(("query", "label"), QUERIES)
def test_lists_are_the_same(query: str, label: str, storage: Storage) -> None:
    """The one series of requests is found by each list, and has the list's label."""
    labels = ",".join(f'{name}="{value}"' for name, value in LABELS.items())
    samples = LoadedSeries()
    lines = [f"{name} {value((3, 2, 1))}" for name, value in stored(storage, DURATION, labels)]
    samples.add(Load(60_000, [series_line(one) for one in lines], native_histograms=False))
    text = f"group by ({label or 'job'}) ({sent(query)})"
    found = instant_query(text, samples, 0)
    assert isinstance(found, Vector)
    assert [dict(one) for one in found.labels] == [{label or "job": LABELS[label or "job"]}]
