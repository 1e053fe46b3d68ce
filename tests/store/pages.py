"""What a reader of a directory shows, as prometheus_client's own parsers read it."""

from typing import Any

import pytest

from sidelight.contract import DURATION
from sidelight.cooperative import run_to_end
from sidelight.export.collector import Collector
from sidelight.export.prometheus import render
from sidelight.export.snapshot import Snapshot
from sidelight.store.directory import Directory
from sidelight.store.directory_reader import DirectoryReader
from sidelight.store.schema import StoredFamily, rebucketed
from sidelight.store.stopped_workers import merge_stopped_workers
from sidelight.text_format import ExpositionFormat

text_parser = pytest.importorskip("prometheus_client.parser")
open_parser = pytest.importorskip("prometheus_client.openmetrics.parser")

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Reader:
    """A reader that stays, as a sidecar or a worker does."""

    def __init__(self, where: Directory) -> None:
        self.reader = DirectoryReader(where)
        self.collector = Collector(self.reader)

    def snapshot(self, *, merge: bool = True) -> Snapshot:
        """Merge, then collect, as a scrape does."""
        if merge:
            run_to_end(merge_stopped_workers(self.reader))
        return run_to_end(self.collector.collect())

    def page(self, *, merge: bool = True) -> Samples:
        """The samples of the page: both formats parse, and no sample is there twice."""
        return parsed(self.snapshot(merge=merge))

    def check_page(self) -> None:
        """Both formats of the page parse, and no sample is there twice."""
        self.page()

    @property
    def reasons(self) -> set[str]:
        """Why files were skipped."""
        return {reason for _, reason in self.reader.skipped}


def parsed(snapshot: Snapshot) -> Samples:
    """Both formats of a snapshot, parsed to the end; the samples of the open one."""
    text = b"".join(render(snapshot, ExpositionFormat.TEXT)).decode()
    samples(text_parser.text_string_to_metric_families(text))
    open_text = b"".join(render(snapshot, ExpositionFormat.OPENMETRICS)).decode()
    return samples(open_parser.text_string_to_metric_families(open_text))


def samples(families: Any) -> Samples:
    """Every sample of a page, none of them twice."""
    found: Samples = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, f"twice: {key}"
            found[key] = sample.value
    return found


def requests(page: Samples) -> float:
    """Requests on a page, of all routes."""
    return named(page, DURATION.name + "_count")


def named(page: Samples, name: str, **labels: str) -> float:
    """The sum of a page's samples of one name that have these labels."""
    wanted = set(labels.items())
    return sum(value for (found, has), value in page.items() if found == name and wanted <= has)


def classic_values(family: StoredFamily, values: tuple[int, ...]) -> tuple[int, ...]:
    """The words of a series on the classic boundaries, by where each boundary lies."""
    stored = StoredFamily(family.name, family.kind, family.stored_bounds)
    return rebucketed(values, stored, StoredFamily(family.name, family.kind, family.bounds))
