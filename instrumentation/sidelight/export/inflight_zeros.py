"""Zeros for requests that are no longer in flight.

A scrape without a series says that it has ended. A receiver of exports keeps the last value, so
it gets a zero.
"""

from typing import Final

from sidelight.export.snapshot import Labels, SeriesKey, Snapshot

INFLIGHT: Final = frozenset(
    {
        "http_server_active_requests",
        "fastapi_active_requests",
        "fastapi_oldest_active_request_seconds",
        "fastapi_websocket_active",
    }
)
MAX_ZEROS = 10_000


class InflightZeros:
    """The series of requests in flight of earlier snapshots, as long as a worker runs."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Labels], SeriesKey] = {}

    def add_to(self, snapshot: Snapshot) -> None:
        """Add a zero for each that the snapshot does not have; once more after the last worker."""
        present = {
            (key.family.name, key.labels): key
            for key in snapshot.sums
            if key.family.name in INFLIGHT
        }
        gone = [key for series, key in self._known.items() if series not in present]
        snapshot.sums.update(dict.fromkeys(gone, (0,)))
        self._known |= present
        if not snapshot.services or len(self._known) > MAX_ZEROS:
            self._known.clear()
