"""Where the table's metrics come from: an address, or a directory that workers share."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from sidelight import bearer_token
from sidelight.cooperative import in_slices, run_in_slices
from sidelight.errors import SettingsError, SidelightError, StoreError
from sidelight.export.collector import Collector
from sidelight.export.prometheus import render
from sidelight.store.directory import open_existing
from sidelight.store.directory_reader import DirectoryReader
from sidelight.text_format import ExpositionFormat

TIMEOUT: Final = 5.0
EXAMPLE: Final = "sidelight top http://127.0.0.1:8000"
Fetch = Callable[[], Awaitable[str]]
"""Returns the metrics as text. Raises `ScrapeFailedError`."""


class ScrapeFailedError(SidelightError):
    """The metrics can't be had now; the next time they may be."""


def address(source: str) -> str:
    """The address of the metrics; ``/metrics`` where it has no path. Raises `SettingsError`."""
    parts = urlsplit(source)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError("SOURCE", source, "must be an http address or a directory", EXAMPLE)
    return source if parts.path.strip("/") else f"{source.rstrip('/')}/metrics"


@asynccontextmanager
async def opened(source: str, token: str | None = None) -> AsyncIterator[Fetch]:
    """What fetches the metrics of an address or a directory. Raises `SidelightError`."""
    if _is_directory(source):
        reader = DirectoryReader(open_existing(source))
        yield lambda: _read(reader)
        return
    url = address(source)
    headers = {b"Authorization": bearer_token.authorization(token)} if token else {}
    async with httpx.AsyncClient(trust_env=False, timeout=TIMEOUT, headers=headers) as client:
        yield lambda: _get(client, url)


def _is_directory(source: str) -> bool:
    return Path(source).is_dir()


async def _get(client: httpx.AsyncClient, url: str) -> str:
    try:
        return (await client.get(url)).raise_for_status().text
    except httpx.HTTPStatusError as error:
        raise ScrapeFailedError(
            f"{error.response.status_code} {error.response.reason_phrase}"
        ) from error
    except httpx.HTTPError as error:
        raise ScrapeFailedError(type(error).__name__) from error


async def _read(reader: DirectoryReader) -> str:
    try:
        snapshot = await run_in_slices(Collector(reader).collect())
    except (OSError, StoreError) as error:
        raise ScrapeFailedError(str(error)) from error
    pieces = [piece async for piece in in_slices(render(snapshot, ExpositionFormat.TEXT))]
    return b"".join(pieces).decode()
