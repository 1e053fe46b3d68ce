"""The endpoints for series, label names and label values."""

import json
from functools import partial

import pytest

pytest.importorskip("numpy", reason="the extra history is not installed")

from sidelight.embedded.api import metadata
from sidelight.embedded.api.parameters import ApiParameters
from sidelight.embedded.history.history import History
from sidelight.embedded.promql.limits import QueryError, QueryLimits
from tests.embedded.history.filled_history import MIB, ScrapedTarget

LISTS = {
    "labels": metadata.labels,
    "values": lambda history, *given: metadata.label_values(history, "n", *given),
    "series": metadata.series,
}


@pytest.fixture
def history() -> History:
    """A history with series of three sets of label names."""
    found = History(3_600_000, 64 * MIB)
    ScrapedTarget(found).step(1, 'a{n="1"} 1\na{n="2"} 1\nb{n="2",m="x"} 1\nup 1\n')
    return found


def asked(*selectors: str) -> ApiParameters:
    """Return parameters with these ``match[]``."""
    return ApiParameters({"match[]": list(selectors)})


@pytest.mark.parametrize(
    ("selectors", "names", "values"),
    [
        ((), {"m", "n"}, ["1", "2"]),
        (("a",), {"n"}, ["1", "2"]),
        (('{m="x"}',), {"m", "n"}, ["2"]),
        (("up", 'a{n="1"}'), {"n"}, ["1"]),
        (("up", "none"), set(), []),
    ],
)
def test_labels_of_matching_series(
    history: History, selectors: tuple[str, ...], names: set[str], values: list[str]
) -> None:
    """Names and values of the series that match any selector are sorted; without one, of all."""
    found = json.loads(metadata.labels(history, asked(*selectors), QueryLimits()).text)
    assert found == sorted({"__name__", "instance", "job"} | names)
    assert (
        json.loads(metadata.label_values(history, "n", asked(*selectors), QueryLimits()).text)
        == values
    )


@pytest.mark.parametrize("name", LISTS)
def test_many_selectors_time_out(history: History, name: str) -> None:
    """The time is checked between selectors, and a request that takes too long is refused."""
    ask = partial(LISTS[name], history, asked(*["a"] * 999))
    ask(QueryLimits(seconds=60))
    with pytest.raises(QueryError) as caught:
        ask(QueryLimits(seconds=-1))
    assert caught.value.kind == "timeout"


@pytest.mark.parametrize(
    ("start", "end", "size"),
    [("1", "1", 3), ("0", "0.999", 0), ("1.001", "2", 0), ("1.5", "0.5", 0)],
)
def test_series_of_a_time_range(history: History, start: str, end: str, size: int) -> None:
    """Series with a sample in the range are listed; its start and its end are part of it.

    A range that ends before its start has none.
    """
    params = ApiParameters({"match[]": ['{__name__=~"a|b"}'], "start": [start], "end": [end]})
    assert len(json.loads(metadata.series(history, params, QueryLimits()).text)) == size
