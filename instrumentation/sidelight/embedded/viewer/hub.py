"""What all pages of a viewer share: its dashboards, and whom it asks."""

from dataclasses import dataclass
from typing import Any

import httpx

from sidelight import packaged
from sidelight.embedded.viewer.board import Board, load
from sidelight.embedded.viewer.prometheus import PATIENCE, AskError, Prometheus, get
from sidelight.embedded.viewer.settings import Viewer


@dataclass(frozen=True, slots=True)
class Hub:
    """Dashboards by uid, and clients of what is asked."""

    viewer: Viewer
    boards: dict[str, Board]
    server: Prometheus
    sidecar: httpx.AsyncClient

    async def slow(self) -> list[dict[str, Any]]:
        """The sidecar's last slow requests, the newest first. Raises `AskError`."""
        url = f"{self.viewer.sidecar}/slow"
        response = await get(self.sidecar, "GET", url)
        if response.status_code != httpx.codes.OK:
            raise AskError(f"{response.status_code} from {url}: {response.text.strip()[:200]}")
        try:
            slow: list[dict[str, Any]] = response.json()["slow"]
        except (ValueError, KeyError, TypeError) as error:
            raise AskError(f"{url} is no sidecar's page of slow requests") from error
        return slow

    async def close(self) -> None:
        """Drop the connections."""
        await self.server.close()
        await self.sidecar.aclose()


def hub(viewer: Viewer) -> Hub:
    """Of these settings. Raises `SidelightError` where there are no dashboards."""
    boards = {one.uid: one for one in map(load, packaged.dashboards())}
    headers = {"Authorization": f"Bearer {viewer.token}"} if viewer.token else {}
    logins, metrics = viewer.logins, viewer.metrics
    sidecar = httpx.AsyncClient(
        auth=logins.get(viewer.sidecar), headers=headers, timeout=PATIENCE, trust_env=False
    )
    server = Prometheus(metrics, viewer.token, logins.get(metrics))
    return Hub(viewer, boards, server, sidecar)
