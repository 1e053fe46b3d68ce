"""Zeros of requests in flight, for receivers that keep the last value."""

import pytest

from sidelight.contract import METRICS
from sidelight.export import inflight_zeros
from sidelight.export.inflight_zeros import INFLIGHT, InflightZeros
from sidelight.export.snapshot import SeriesKey, Snapshot
from sidelight.store.schema import StoredFamily
from sidelight.store.service_info import ServiceInfo

WORKER = [ServiceInfo(version="1")]


def snapshot(counts: dict[str, int], *, runs: bool = True, name: str = "") -> Snapshot:
    """Requests in flight by route, with new keys; of a service that runs, or has ended."""
    family = StoredFamily(name or "fastapi_active_requests", "gauge", ())
    found = Snapshot(services=WORKER if runs else [])
    for route, count in counts.items():
        found.sums[SeriesKey(family, (route,))] = (count,)
    return found


def exported(zeros: InflightZeros, given: Snapshot) -> dict[str, int]:
    zeros.add_to(given)
    assert len({key.labels for key in given.sums}) == len(given.sums)
    return {key.labels[0]: value for key, (value,) in given.sums.items()}


def test_a_series_that_was_exported_is_zero_while_a_worker_runs() -> None:
    """It counts again when there are requests, and no series is exported that never had any."""
    zeros = InflightZeros()
    assert exported(zeros, snapshot({})) == {}
    assert exported(zeros, snapshot({"/a": 2})) == {"/a": 2}
    for _ in range(3):
        assert exported(zeros, snapshot({"/b": 1})) == {"/a": 0, "/b": 1}
    assert exported(zeros, snapshot({"/a": 1})) == {"/a": 1, "/b": 0}


def test_it_leaves_after_one_more_zero_when_the_last_worker_has_ended() -> None:
    """So the last value that a receiver has is 0, also where it knows no ends."""
    zeros = InflightZeros()
    exported(zeros, snapshot({"/a": 2}))
    assert exported(zeros, snapshot({}, runs=False)) == {"/a": 0}
    assert exported(zeros, snapshot({}, runs=False)) == {}
    assert exported(zeros, snapshot({})) == {}


@pytest.mark.parametrize("name", sorted(INFLIGHT))
def test_every_metric_of_requests_in_flight(name: str) -> None:
    """Also the age of the oldest, and WebSockets."""
    zeros = InflightZeros()
    exported(zeros, snapshot({"/a": 2}, name=name))
    assert exported(zeros, snapshot({}, name=name)) == {"/a": 0}


def test_the_metrics_of_requests_in_flight() -> None:
    """They are the contract's gauges that count something active, or its age."""
    assert {name for name in METRICS if "active" in name} == INFLIGHT
    assert {METRICS[name].kind for name in INFLIGHT} == {"gauge"}


def test_other_gauges_have_no_zeros() -> None:
    """The memory of a worker that has ended is not 0."""
    zeros = InflightZeros()
    exported(zeros, snapshot({"0": 2}, name="process_resident_memory_bytes"))
    assert exported(zeros, snapshot({})) == {}


def test_their_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An application whose routes come and go for ever has not all of them for ever."""
    monkeypatch.setattr(inflight_zeros, "MAX_ZEROS", 2)
    zeros = InflightZeros()
    for route in ("/a", "/b"):
        exported(zeros, snapshot({route: 1}))
    assert exported(zeros, snapshot({"/c": 1})) == {"/a": 0, "/b": 0, "/c": 1}
    assert exported(zeros, snapshot({})) == {}
