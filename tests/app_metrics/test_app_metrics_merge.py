"""The application's own metrics: snapshots, and their sums by kind and mode."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sidelight.app_metrics import families as app_families
from sidelight.app_metrics.families import AppFamily
from sidelight.app_metrics.merge import merge
from sidelight.errors import InvalidDataError
from sidelight.export.prometheus import render
from sidelight.export.snapshot import Snapshot
from sidelight.text_format import ExpositionFormat

ONE = (("shop", "a"),)


def family(kind: str, mode: str, value: float) -> AppFamily:
    """A family with one sample."""
    suffix = {"counter": "_total", "info": "_info"}.get(kind, "")
    return AppFamily("orders", kind, "Help.", "", mode, {(suffix, ONE): value})


def merged(
    kind: str, mode: str, *, alive: tuple[float, ...], dead: tuple[float, ...]
) -> list[float]:
    """Values after merging stopped workers, then running ones, which are worker 0, 1 and so on."""
    into: dict[str, AppFamily] = {}
    for value in dead:
        merge(into, [family(kind, mode, value)], None)
    for number, value in enumerate(alive):
        merge(into, [family(kind, mode, value)], str(number))
    return sorted(into["orders"].samples.values()) if into else []


@pytest.mark.parametrize(
    ("kind", "mode", "expected"),
    [
        ("counter", "", [10.0]),
        ("histogram", "", [10.0]),
        ("summary", "", [10.0]),
        ("gaugehistogram", "", [10.0]),
        ("gauge", "", [3.0, 4.0]),
        ("gauge", "all", [3.0, 4.0]),
        ("gauge", "liveall", [3.0, 4.0]),
        ("gauge", "sum", [10.0]),
        ("gauge", "livesum", [7.0]),
        ("gauge", "max", [4.0]),
        ("gauge", "livemax", [4.0]),
        ("gauge", "min", [1.0]),
        ("gauge", "livemin", [3.0]),
        ("gauge", "mostrecent", [3.0, 4.0]),
        ("gauge", "livemostrecent", [3.0, 4.0]),
        ("stateset", "", [3.0, 4.0]),
        ("unknown", "", [3.0, 4.0]),
    ],
)
def test_each_kind_is_merged_by_its_mode(kind: str, mode: str, expected: list[float]) -> None:
    """Two stopped workers (1 and 2) and two running ones (3 and 4) make these values."""
    assert merged(kind, mode, alive=(3.0, 4.0), dead=(1.0, 2.0)) == expected


def test_an_info_is_shown_once() -> None:
    """The same info of every worker, stopped ones too, is one sample of 1."""
    assert merged("info", "", alive=(1.0, 1.0), dead=(1.0,)) == [1.0]


def test_gauges_of_the_living_are_told_apart_by_worker() -> None:
    """A gauge without a mode has its own labels and ``worker``."""
    into: dict[str, AppFamily] = {}
    merge(into, [family("gauge", "", 1.0)], "0")
    merge(into, [family("gauge", "", 2.0)], "1")
    assert into["orders"].samples == {
        ("", (*ONE, ("worker", "0"))): 1.0,
        ("", (*ONE, ("worker", "1"))): 2.0,
    }


def test_an_application_that_has_a_label_worker_keeps_it() -> None:
    """A gauge with a label ``worker`` of its own gets ``sidelight_worker`` beside it."""
    into: dict[str, AppFamily] = {}
    samples: dict[tuple[str, app_families.AppLabels], float] = {("", (("worker", "mine"),)): 1.0}
    merge(into, [AppFamily("depth", "gauge", "", "", "", samples)], "0")
    expected = {("", (("worker", "mine"), ("sidelight_worker", "0"))): 1.0}
    assert into["depth"].samples == expected


def test_kinds_that_disagree_are_not_mixed() -> None:
    """A family whose kind differs from the first one's is left out."""
    into: dict[str, AppFamily] = {}
    merge(into, [family("counter", "", 1.0)], "0")
    merge(into, [family("gauge", "", 9.0)], "1")
    assert list(into["orders"].samples.values()) == [1.0]


TEXT = some.text(max_size=5)
LABELS = some.lists(some.tuples(TEXT, TEXT), max_size=3).map(tuple)
FAMILY = some.builds(
    AppFamily, TEXT, TEXT, TEXT, TEXT, TEXT,
    some.dictionaries(some.tuples(TEXT, LABELS), some.floats(allow_nan=False), max_size=4),
)  # fmt: skip


@given(some.lists(FAMILY, max_size=4))
def test_a_snapshot_is_read_as_it_was_written(families: list[AppFamily]) -> None:
    """Every snapshot comes back as it was, infinities included."""
    assert app_families.decode(app_families.encode(families)) == families


PLAIN = some.none() | some.booleans() | some.integers() | some.floats() | TEXT
LISTS = some.lists(PLAIN, max_size=7) | some.dictionaries(TEXT, PLAIN, max_size=3)
JSON = PLAIN | LISTS | some.lists(PLAIN | LISTS | some.lists(LISTS, max_size=3), max_size=7)


@given(JSON)
def test_a_made_up_snapshot_is_read_or_refused(made: object) -> None:
    """Any JSON, and not only a list of families, is a snapshot or damaged."""
    import json

    for data in (json.dumps(made), json.dumps([made]), json.dumps(["n", "k", "h", "u", "m", made])):
        with suppress(InvalidDataError):
            assert all(isinstance(found, AppFamily) for found in app_families.decode(data.encode()))


@pytest.mark.parametrize(
    "data",
    [b"\xff", b"{", b"[" * 100_000, b'[["a","counter","","","",[["_total",[],1e999999]],5]]',
     b'[["a","counter","","","",[["_total",[],1' + b"0" * 400 + b"]],[]]]"],
)  # fmt: skip
def test_a_hostile_snapshot_is_refused(data: bytes) -> None:
    """Bytes that are no snapshot are damaged, and raise nothing else."""
    with pytest.raises(InvalidDataError):
        app_families.decode(data)


@pytest.mark.parametrize("form", ExpositionFormat)
def test_a_label_that_is_no_text_does_not_take_the_page_away(form: ExpositionFormat) -> None:
    """A lone surrogate, as in a file's name that is not UTF-8, still makes a page."""
    samples: dict[tuple[str, app_families.AppLabels], float] = {("", (("file", "a\udc80"),)): 1.0}
    snapshot = Snapshot(
        app_families={"depth": AppFamily("depth", "gauge", "H.\udc80", "", "", samples)}
    )
    page = b"".join(render(snapshot, form)).decode()
    assert page.count("\ndepth{") == 1
