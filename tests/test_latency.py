"""Latencies of objectives are boundaries in the middleware, and wrong ones stop the start."""

from pathlib import Path

import pytest

from sidelight.errors import SettingsError
from sidelight.latency import KEYS
from sidelight.settings import load
from sidelight.slo import config

OBJECTIVES = """
selector = 'job="shop"'
[slo]
availability = "99.9%"
latency = "99% < 300ms"
[[slo.route]]
match = "POST /checkout"
latency = "99% < 1.5s"
"""


def write(folder: Path, text: str) -> None:
    (folder / "sidelight.toml").write_text(text)


def test_latencies_are_boundaries(empty_folder: Path) -> None:
    """Every latency, of the service and of a route, is a bucket by itself."""
    write(empty_folder, OBJECTIVES)
    assert {0.3, 1.5} <= set(load({}, {}).buckets)


def test_latencies_join_buckets_of_ones_own(empty_folder: Path) -> None:
    """Buckets from wherever keep what an objective needs, in order."""
    write(empty_folder, OBJECTIVES)
    assert load({"buckets": [0.1]}, {}).buckets == (0.1, 0.3, 1.0, 1.5)
    assert load({}, {"SIDELIGHT_BUCKETS": "2"}).buckets == (0.3, 1.0, 1.5, 2.0)


def test_latencies_of_a_pyproject(empty_folder: Path) -> None:
    """The tables of a pyproject.toml are the same."""
    text = '[tool.sidelight.slo]\nlatency = "95% < 70ms"\n'
    (empty_folder / "pyproject.toml").write_text(text)
    assert 0.07 in load({}, {}).buckets


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("slo = 5", "slo"),
        ('slo = { latency = "300ms" }', "slo.latency"),
        ("slo = { latency = 0.3 }", "slo.latency"),
        ('slo = { latency = "99% < 0ms" }', "slo.latency"),
        ("slo = { route = 5 }", "slo.route"),
        ("slo = { route = [5] }", "slo.route"),
        ('slo = { route = [{ match = "GET /x", latency = "1" }] }', "slo.route[GET /x].latency"),
    ],
)
def test_a_wrong_latency_stops_the_start(text: str, key: str, empty_folder: Path) -> None:
    """The message names the key, what was given, and one that works."""
    write(empty_folder, text)
    with pytest.raises(SettingsError, match="for example") as caught:
        load({}, {})
    assert caught.value.key == key
    example = str(caught.value).rpartition("for example ")[2]
    write(empty_folder, example if example.startswith("slo") else f"[slo]\n{example}")
    load({}, {})


@pytest.mark.parametrize(
    ("text", "key", "near"),
    [
        ('availabilty = "99%"', "slo.availabilty", "availability"),
        ('route = [{ mach = "GET /x" }]', "slo.route.mach", "match"),
        (
            'route = [{ match = "GET /x", latncy = "99% < 1s" }]',
            "slo.route[GET /x].latncy",
            "latency",
        ),
    ],
)
def test_a_misspelt_key_stops_the_start(text: str, key: str, near: str, empty_folder: Path) -> None:
    """The middleware, too, names an unknown key of an objective with the nearest known one."""
    write(empty_folder, f"[slo]\n{text}")
    with pytest.raises(SettingsError, match=f"did you mean {near}[?].*; for example") as caught:
        load({}, {})
    assert caught.value.key == key


def test_each_key_has_a_check() -> None:
    """The keys that the middleware accepts are those that the rules are made from."""
    assert tuple(config._CHECKS) == KEYS


def test_objectives_are_the_files_own(empty_folder: Path) -> None:
    """No argument of the middleware is an objective."""
    for key in ("slo", "selector"):
        with pytest.raises(SettingsError, match="unknown option"):
            load({key: {}}, {})
