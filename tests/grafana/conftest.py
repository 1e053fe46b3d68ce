"""Grafana's packages, a recording, and Prometheus servers filled with it, once for all tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

NEEDED = ("playwright", "cramjam", "grafana_foundation_sdk", "aiosqlite", "opentelemetry")
if any(find_spec(name) is None for name in NEEDED):
    collect_ignore_glob = ["test_*.py"]  # not in the oldest environment
else:
    from playwright.sync_api import Browser, sync_playwright

    from tests.embedded.promql.oracle_server import program
    from tests.embedded.viewer.browsing import chromium
    from tests.grafana.drawing import PACKAGES, Drawing, bundle, drawing
    from tests.grafana.recording import Recording, recording
    from tests.grafana.samples import WORLDS, filled

    Worlds = Callable[[str], Drawing]

    @pytest.fixture(scope="session")
    def packages() -> Path:
        """Grafana's packages."""
        if not (PACKAGES / "node_modules").is_dir():
            pytest.skip("Grafana's packages are not here: `make test-grafana` installs them")
        return PACKAGES

    @pytest.fixture(scope="session")
    def recorded(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Recording:
        """Services in every kind of trouble."""
        return recording(tmp_path_factory.mktemp("recording"))

    @pytest.fixture(scope="session")
    def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
        """Chromium."""
        with (
            chromium(tmp_path_factory.mktemp("profile")) as address,
            sync_playwright() as playwright,
        ):
            yield playwright.chromium.connect_over_cdp(address)

    @pytest.fixture(scope="session")
    def page(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The folder of the page that draws dashboards."""
        folder = tmp_path_factory.mktemp("page")
        bundle(folder)
        return folder

    @pytest.fixture(scope="session")
    def worlds(
        recorded: Recording,
        browser: Browser,
        page: Path,
        tmp_path_factory: pytest.TempPathFactory,
    ) -> Iterator[Worlds]:
        """Return a page over a world of a name."""
        with ExitStack() as stack:

            @cache
            def world(name: str) -> Drawing:
                where, command = tmp_path_factory.mktemp("world"), program(3) or "prometheus"
                made = filled(command, recorded, WORLDS[name], where)
                return stack.enter_context(drawing(browser, page, stack.enter_context(made)))

            yield world
