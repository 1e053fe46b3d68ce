"""Where ``sidelight slow`` reads: the directories that workers share, or a sidecar."""

from collections.abc import Iterable
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from typing import Any, Final

from sidelight.cooperative import run_to_end
from sidelight.doctor.fetch import is_url
from sidelight.errors import SettingsError
from sidelight.store import directory, slow_requests
from sidelight.store.blocked_loop import BlockedLoop
from sidelight.store.directory_reader import DirectoryReader
from sidelight.store.slow_requests import SlowRequest
from sidelight.store.waiting_requests import WaitingRequest
from sidelight.why.http_source import MALFORMED, HTTPPrometheus
from sidelight.why.source import SourceError

EXAMPLE: Final = "sidelight slow http://127.0.0.1:9464"


@dataclass(frozen=True, slots=True)
class Slowness:
    """The slow requests that are kept, the event loops blocked now, and the oldest in flight."""

    requests: list[SlowRequest]
    blocked: list[BlockedLoop]
    in_flight: list[WaitingRequest]


def read(source: str | None, token: str | None) -> Slowness:
    """What a directory, a sidecar, or each server of this user has. Raises `SidelightError`."""
    if source is None:
        return _directories(directory.own_directories())
    if Path(source).is_dir():
        return _directories([source])
    if not is_url(source):
        raise SettingsError("SOURCE", source, "must be an http address or a directory", EXAMPLE)
    return _sidecar(source, HTTPPrometheus(source, token).slow({}))


def _directories(paths: Iterable[str]) -> Slowness:
    readers = [DirectoryReader(directory.open_existing(path)) for path in paths]
    return Slowness(
        [one for reader in readers for one in run_to_end(reader.slow_requests())],
        [one for reader in readers for one in run_to_end(reader.blocked_loops())],
        [one for reader in readers for one in run_to_end(reader.waiting_requests())],
    )


def _sidecar(url: str, answer: dict[str, Any]) -> Slowness:
    try:
        return Slowness(
            slow_requests.decode(dumps(answer["slow"]).encode()),
            [BlockedLoop(**one) for one in answer["blocked"]],
            [WaitingRequest(**one) for one in answer["in_flight"]],
        )
    except MALFORMED as error:
        raise SourceError(f"{url}/slow is not a sidecar's answer") from error
