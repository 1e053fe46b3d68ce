"""`sidelight doctor` on applications that have metrics of their own, each in its own process."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.newest

pytest.importorskip("prometheus_client")

HEAD = """
import prometheus_client
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter, Gauge, multiprocess
from sidelight import SidelightMiddleware

own = CollectorRegistry()
app = FastAPI()
"""
PLAIN = "app.add_middleware(SidelightMiddleware)\n"
WRONG = "app.add_middleware(SidelightMiddleware, max_serie=1)\n"
NAMED = "app.add_middleware(SidelightMiddleware, registry=own)\n"
ORDERS = "Counter('shop_orders', 'Orders.', registry=own)\n"
FOUR = "for name in 'abcd': Gauge(name, 'One of several.', registry=own)\n"
DEFAULT = "Counter('shop_visits', 'Visits.')\n"
SAYS = " is not exported"
SET = "app.add_middleware(SidelightMiddleware, registry=...), unless something else exports it: "
JOIN = "register its metrics with the registry that registry=... names"


def unexported(folder: Path, *lines: str, failed: bool = False) -> list[tuple[str, str]]:
    """The registries that are reported, each with its fix."""
    (folder / "shop.py").write_text(HEAD + "".join(lines))
    command = [sys.executable, "-m", "sidelight", "doctor", "shop:app"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == failed, done.stderr
    said = [line.partition("  ")[2] for line in done.stdout.splitlines()]
    return [
        (what.removesuffix(SAYS), said[at + 1].removeprefix("    fix: "))
        for at, what in enumerate(said)
        if what.endswith(SAYS)
    ]


def test_a_registry_of_ones_own_without_the_setting(tmp_path: Path) -> None:
    """It is named with its metrics; the default registry beside it is exported."""
    ((what, fix),) = unexported(tmp_path, PLAIN, ORDERS, DEFAULT)
    assert what == "a CollectorRegistry with shop_orders"
    assert fix.startswith(SET)


def test_a_wrong_option_says_nothing_of_registries(tmp_path: Path) -> None:
    """Which registry is exported is not known before the options are right."""
    assert unexported(tmp_path, WRONG, DEFAULT, failed=True) == []


def test_a_registry_that_is_exported(tmp_path: Path) -> None:
    """A registry of the setting is no problem, nor is an empty one."""
    assert unexported(tmp_path, NAMED, ORDERS) == []
    assert unexported(tmp_path, PLAIN, DEFAULT) == []


def test_the_default_registry_beside_the_setting(tmp_path: Path) -> None:
    """With the setting, the metrics of the default registry are those that are left out."""
    found = unexported(tmp_path, NAMED, ORDERS, DEFAULT)
    assert found == [("the default registry with shop_visits", JOIN)]


def test_many_metrics_are_counted(tmp_path: Path) -> None:
    """The message has three names at most."""
    ((what, _),) = unexported(tmp_path, PLAIN, FOUR)
    assert what == "a CollectorRegistry with a, b, c and 1 more"


def test_a_registry_for_files_of_prometheus_client(tmp_path: Path) -> None:
    """A registry that adds up workers has no metrics of its own."""
    adding = f"multiprocess.MultiProcessCollector(own, {str(tmp_path)!r})\n"
    assert unexported(tmp_path, PLAIN, adding) == []
