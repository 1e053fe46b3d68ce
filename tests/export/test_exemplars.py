"""Exemplars of several workers."""

import time
from pathlib import Path

import pytest

from sidelight.contract import DURATION
from sidelight.cooperative import run_to_end
from sidelight.export.collector import Collector
from sidelight.store.directory_reader import DirectoryReader
from tests.store.driving import LABELS, killed, shared, worker


def test_of_two_exemplars_in_a_bucket_the_newer_one_is_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each bucket the newest exemplar of all workers is exported, whichever worker has it."""
    where = shared(tmp_path)
    files = [worker(where, 1), worker(where, 1)]
    for number, bucket, seconds in ((0, 0, 10.0), (1, 0, 20.0), (0, 1, 20.0), (1, 1, 10.0)):
        monkeypatch.setattr(time, "time", lambda now=seconds: now)
        series = files[number].series(DURATION, LABELS)
        files[number].set_exemplar(series, bucket, bytes([number]) * 16, b"s" * 8, 0.003)
    snapshot = run_to_end(Collector(DirectoryReader(where)).collect())
    found = {bucket: one.trace_id for (_, bucket), one in snapshot.exemplars.items()}
    assert found == {0: "01" * 16, 1: "00" * 16}
    for file in files:
        killed(file)
    where.close()
