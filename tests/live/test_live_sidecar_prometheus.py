"""A real Prometheus scrapes the sidecar, with a token, while the service is restarted."""

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.live.conftest import Serve
from tests.live.counting import CALLS, Load, ask, check_counted, counted, settle
from tests.live.prometheus import prometheus, query, tool
from tests.live.prometheus_counts import Counts
from tests.live.servers import eventually, roll
from tests.live.sidecars import Sidecar

pytestmark = pytest.mark.live

TOKEN = "a-long-random-wörd-à"  # sent as UTF-8, whose last byte is white space in Latin-1
CONFIG = """\
global:
  scrape_interval: 500ms
  scrape_timeout: 500ms
scrape_configs:
  - job_name: sidecar
    authorization:
      credentials_file: {token}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def scraping(sidecar: Sidecar, token: Path, where: Path) -> AbstractContextManager[int]:
    """Prometheus, scraping the sidecar twice a second."""
    return prometheus(CONFIG.format(port=sidecar.port, token=token), where)


def test_increase_through_rolling_restarts(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """Through 3 rolling restarts under load ``increase()`` is what clients counted, with no dip."""
    tool("prometheus")
    token = tmp_path / "token"
    token.write_text(TOKEN)
    server = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
    options = "--token-file", str(token)
    with (
        Sidecar(store, tmp_path, *options, token=TOKEN) as sidecar,
        scraping(sidecar, token, tmp_path) as port,
    ):
        first = ask(server, dict.fromkeys(CALLS, 1))
        eventually(lambda: Counts(port).latest() == first)
        with Load(server, 4) as load:
            for _ in range(3):
                seen = load.total
                eventually(lambda seen=seen: load.total > seen + 100)  # type: ignore[misc] # mypy infers no lambda with a default
                roll(server, 2)
                settle(sidecar, 2)
            eventually(lambda: load.total > 600)
        check_counted([load], counted(sidecar) - first)
        expected = counted(sidecar)
        eventually(lambda: Counts(port).latest() == expected)
        Counts(port).check_agrees(first, [load])


def test_a_new_server_beside_the_old_one(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """A second server takes over on the same directory: Prometheus sees one rising count."""
    tool("prometheus")
    token = tmp_path / "token"
    token.write_text(TOKEN)
    options = "--token-file", str(token)
    with (
        Sidecar(store, tmp_path, *options, token=TOKEN) as sidecar,
        scraping(sidecar, token, tmp_path) as port,
    ):
        old, loads = uvicorn(2, SIDELIGHT_DIR=str(store)).ready(), []
        first = ask(old, dict.fromkeys(CALLS, 1))
        eventually(lambda: Counts(port).latest() == first)
        for _ in range(2):
            with Load(old, 4) as load:
                loads.append(load)
                eventually(lambda load=load: load.total > 100)  # type: ignore[misc] # mypy infers no lambda with a default
                new = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
                settle(sidecar, 4)
            old.stop()
            old = new
        settle(sidecar, 2)
        check_counted(loads, counted(sidecar) - first)
        expected = counted(sidecar)
        eventually(lambda: Counts(port).latest() == expected)
        Counts(port).check_agrees(first, loads)


def test_a_wrong_token_is_seen_by_prometheus(store: Path, tmp_path: Path) -> None:
    """Scraped with another token the target is down, and no sample comes of it."""
    tool("prometheus")
    right, wrong = tmp_path / "token", tmp_path / "wrong"
    right.write_text(TOKEN)
    wrong.write_text("another-word")
    with (
        Sidecar(store, tmp_path, "--token-file", str(right), token=TOKEN) as sidecar,
        scraping(sidecar, wrong, tmp_path) as port,
    ):
        eventually(lambda: query(port, "up == 0"))
        assert query(port, "sidelight_workers") == []
        wrong.write_text(TOKEN)
        eventually(lambda: query(port, "up == 1"))
        eventually(lambda: query(port, "sidelight_workers"))
