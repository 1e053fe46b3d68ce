"""Snapshots on their way to an OpenTelemetry collector, from time to time."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from sidelight.errors import SettingsError, StoreError

if TYPE_CHECKING:
    from sidelight.export.otlp_exporter import OtlpExporter
    from sidelight.sidecar.watch import Watch

LAST = 2.0
"""Seconds the last export may take once the sidecar is told to end."""


def exporter(otlp: str) -> OtlpExporter:
    """An exporter to this address, or where the environment says. Raises `SettingsError`."""
    try:
        from sidelight.export.otlp_exporter import OtlpExporter  # noqa: PLC0415 an extra
    except ImportError as error:
        given = otlp or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
        example = "pip install 'sidelight[sidecar,otlp]'"
        raise SettingsError("otlp", given, f"needs the extra: {error}", example) from error
    return OtlpExporter(otlp or None)


async def send(watch: Watch, to: OtlpExporter) -> None:
    """Offer a snapshot every period; one more, and the end of the exporter, when cancelled."""
    try:
        while True:
            await anyio.sleep(to.period)
            await offer(watch, to)
    finally:
        with anyio.CancelScope(shield=True):
            await offer(watch, to)
            await anyio.to_thread.run_sync(partial(to.close, LAST))


async def offer(watch: Watch, to: OtlpExporter) -> None:
    """Hand over what the directory holds now; nothing while it can't be read."""
    from sidelight.export.otlp import metrics_data, resource  # noqa: PLC0415 an extra

    try:
        shot = await watch.shot()
    except StoreError:
        return  # the watch says so by itself
    whose = resource(watch.about)
    to.offer(await anyio.to_thread.run_sync(metrics_data, shot, whose, time.time_ns()))
