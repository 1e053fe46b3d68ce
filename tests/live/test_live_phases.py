"""The phases of slow requests, as a sidecar has them at ``/slow``."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.asgi.driver import Page
from tests.live.conftest import Serve
from tests.live.phased import BODIES, LEAST, PLANTED
from tests.live.servers import HERE, PATIENCE, Server, eventually
from tests.live.sidecars import Sidecar

pytestmark = [pytest.mark.live, pytest.mark.newest, pytest.mark.slow]

WAITS = "fastapi_request_wait_seconds_total"


def upload(server: Server, sidecar: Sidecar, path: str) -> None:
    """Send half of a body, and the rest when the sidecar shows that it was waited for."""

    def waited() -> bool:
        seconds = Page(sidecar.get("/metrics")[1]).value(WAITS, http_route=path)
        return seconds >= 2 * LEAST

    def halves() -> Iterator[bytes]:
        yield b"[1,"
        eventually(waited)
        yield b"2]"

    headers = {"Content-Type": "application/json", "Content-Length": "5"}
    with closing(
        http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    ) as connection:
        connection.request("POST", path, halves(), headers)
        assert connection.getresponse().status == 200


@pytest.mark.parametrize(("loop", "pure"), [("asyncio", ""), ("uvloop", "1")])
def test_each_planted_phase_is_the_longest(
    uvicorn: Serve, store: Path, tmp_path: Path, loop: str, pure: str
) -> None:
    """A request that is slow in one phase has its record at ``/slow``, where that is the longest.

    None was sampled. No record has more seconds in its phases than the request has.
    """
    pytest.importorskip(loop)
    env = {"SIDELIGHT_DIR": str(store), "SIDELIGHT_PURE": pure}
    where = "--app-dir", str(HERE.parent.parent)
    server = uvicorn(
        1, "tests.live.phased:app", *where, "--loop", loop, spawned=True, **env
    ).ready()
    with Sidecar(store, tmp_path) as sidecar:
        for path in PLANTED:
            if path in BODIES:
                upload(server, sidecar, path)
            else:
                assert server.get(path)[0] == 200
        found = slow(sidecar)
    longest = {route: max(phases, key=phases.__getitem__) for route, (phases, _) in found.items()}
    assert longest == PLANTED
    assert all(sum(phases.values()) <= seconds for phases, seconds in found.values())


def slow(sidecar: Sidecar) -> dict[str, tuple[dict[str, float], float]]:
    """The phases and the seconds of the slow requests of a service, by route."""
    status, text = sidecar.get("/slow")
    assert status == 200
    records: list[dict[str, Any]] = json.loads(text)["slow"]
    planted = [each for each in records if each["route"] in PLANTED]
    return {each["route"]: (each["phases"], each["seconds"]) for each in planted}
