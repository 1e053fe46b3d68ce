"""The dashboards are made and tested with the tools of the newest set-up only."""

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from tests.dashboards.world import World, world

if find_spec("grafana_foundation_sdk") is None or find_spec("promql_parser") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="package")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One set of services and one Prometheus for all tests of this folder."""
    with world(tmp_path_factory.mktemp("world")) as found:
        yield found
