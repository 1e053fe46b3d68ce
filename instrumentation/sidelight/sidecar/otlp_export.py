"""Sends snapshots to an OpenTelemetry collector at an interval."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from sidelight.errors import SettingsError, StoreError
from sidelight.export.inflight_zeros import InflightZeros

if TYPE_CHECKING:
    from sidelight.otlp.exporter import OtlpExporter
    from sidelight.sidecar.metrics_source import MetricsSource

LAST_EXPORT = 2.0
"""Seconds that the last export may take once the sidecar is told to end."""


def create_exporter(otlp: str) -> OtlpExporter:
    """An exporter to this address, or to that of the environment. Raises `SettingsError`."""
    try:
        from sidelight.otlp.exporter import OtlpExporter  # noqa: PLC0415 an extra
    except ImportError as error:
        given = otlp or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
        example = "pip install 'sidelight[sidecar,otlp]'"
        raise SettingsError("otlp", given, f"needs the extra: {error}", example) from error
    return OtlpExporter(otlp or None)


async def export_periodically(source: MetricsSource, exporter: OtlpExporter) -> None:
    """Offer a snapshot every period; when cancelled, offer one more and end the exporter."""
    zeros = InflightZeros()
    try:
        while True:
            await anyio.sleep(exporter.period)
            await _offer(source, exporter, zeros)
    finally:
        with anyio.CancelScope(shield=True):
            await _offer(source, exporter, zeros)
            await anyio.to_thread.run_sync(partial(exporter.close, LAST_EXPORT))


async def _offer(source: MetricsSource, exporter: OtlpExporter, zeros: InflightZeros) -> None:
    """Offer a snapshot of now; nothing while the directory cannot be read."""
    from sidelight.export.otlp import metrics_data, resource  # noqa: PLC0415 an extra

    try:
        snapshot = await source.snapshot()
    except StoreError:
        return  # the source logs it
    zeros.add_to(snapshot)
    service = resource(source.service)
    convert = partial(metrics_data, exponential=exporter.exponential)
    exporter.offer(await anyio.to_thread.run_sync(convert, snapshot, service, time.time_ns()))
