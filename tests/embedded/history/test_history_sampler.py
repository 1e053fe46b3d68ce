"""What a scrape of the sidecar's own page leaves in the history."""

import time
from typing import Any, cast

import pytest

pytest.importorskip("numpy", reason="the extra history is not installed")

import anyio

from sidelight.embedded.history.history import History
from sidelight.embedded.history.scrape_loop import HistorySampler
from sidelight.export.snapshot import Snapshot
from sidelight.store.service_info import ServiceInfo
from tests.embedded.history.filled_history import MIB, TARGET

MINUTE = 60_000


class EmptySource:
    """A source of snapshots without a worker."""

    service = ServiceInfo()

    async def snapshot(self) -> Snapshot:
        return Snapshot()


def test_exemplars_are_kept_as_long_as_samples() -> None:
    """A scrape drops the exemplars that are older than the history, and keeps the others."""
    sampler = HistorySampler(cast("Any", EmptySource()), History(MINUTE, 64 * MIB), 1.0, TARGET)
    now = time.time()
    for ago in (90, 30):
        text = f'{{trace_id="{ago}"}} 0.5 {now - ago:.3f}'.encode()
        sampler.exemplars.add(b"a_bucket", text, {"__name__": "a_bucket"}, 0)
    anyio.run(sampler.sample)
    found = sampler.exemplars.between(0, 1 << 53)
    assert [one.exemplar.labels["trace_id"] for one in found] == ["30"]
