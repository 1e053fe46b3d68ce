"""Makes snapshots: reads the store, and sums the series of all workers."""

import math
import time
from array import array
from collections import Counter
from collections.abc import Generator, Iterable
from itertools import chain

from sidelight.app_metrics.merge import Source, exported_families
from sidelight.contract import ABSENT, DURATION_BUCKETS, METRICS, NANOSECONDS
from sidelight.export.derived_series import ZeroSeries, add_inflight, add_workers
from sidelight.export.over_objective import OverObjective
from sidelight.export.snapshot import Labels, SeriesKey, Snapshot
from sidelight.export.summed_series import SumPlan
from sidelight.export.word_sums import PythonSums, WordSums
from sidelight.store.directory_reader import DirectoryReader
from sidelight.store.file_index import StoredSeries
from sidelight.store.reader import FileContents, StoredExemplar, exemplars
from sidelight.store.schema import Schema, StoredFamily, bucket_mapping, merged, rebucketed, schema
from sidelight.store.service_info import ServiceInfo
from sidelight.store.writer import WorkerFile

Steps = Generator[None, None, None]
CHUNK = 100
MAX_KEYS = 100_000
MAX_EXPORTED = 256 * 1024 * 1024
"""About how many bytes of exported text may come from files."""
DEFAULTS = (
    *schema(DURATION_BUCKETS),
    *(StoredFamily(m.name, "gauge", ()) for m in METRICS.values() if m.kind == "info"),
)
"""Families as they are where no file says otherwise."""
KINDS = {family.name: family.kind for family in DEFAULTS}


class Collector:
    """Makes snapshots for one reader, and keeps what does not change between two.

    ``own`` is the reader's own file if it is a worker.
    """

    def __init__(self, reader: DirectoryReader, own: WorkerFile | None = None) -> None:
        self._reader = reader
        self._own = own
        self._families: dict[str, StoredFamily] = {}
        self._keys: dict[tuple[str, Labels], SeriesKey] = {}
        self._plans: dict[bytes, SumPlan] = {}
        self._zero_series = ZeroSeries(self.key)
        self._over_objective = OverObjective(self.key)
        self._unknown_families: set[str] = set()
        self._size = 0
        self._words = 0
        """Words of the totals: each key has its own."""

    def collect(self, own_app_metrics: bytes = b"") -> Generator[None, None, Snapshot]:
        """Read and sum everything. Yields often, so that an event loop can run other tasks.

        ``own_app_metrics`` is the worker's own snapshot of the application's registry.
        """
        files, totals = yield from self._reader.read()
        everything = [*([totals] if totals else []), *files]
        yield from self._merge_schemas([file.index.schema for file in everything])
        snapshot = Snapshot()
        snapshot.started = min((file.header.started for file in everything), default=0)
        yield from self._add_sums(snapshot, everything)
        dropped = max((file.exemplars_after for file in everything), default=0)
        for file in everything:
            yield from self._add_gauges(snapshot, file)
            yield from self._add_exemplars(snapshot, file, min(dropped, time.time_ns()))
        snapshot.sums[self.key("sidelight_series", ("",))] = (len(snapshot.sums),)
        yield from self._zero_series.add(snapshot, files)
        yield from self._over_objective.add(snapshot, files)
        yield from add_inflight(snapshot, files, self.key)
        add_workers(snapshot, files, self.key)
        yield from self._add_app_metrics(snapshot, files, totals, own_app_metrics)
        self._add_skipped(snapshot)
        self._forget_all_but(everything)
        return snapshot

    def _merge_schemas(self, schemas: list[Schema]) -> Steps:
        """Export families with every boundary that any file has, so that all readers agree.

        A family that this version does not know, or knows by another kind, is left out.
        """
        found: dict[str, StoredFamily] = {}
        self._unknown_families = set()
        for one in {id(one): one for one in schemas}.values():
            known = tuple(f for f in one if KINDS.get(f.name) == f.kind)
            self._unknown_families |= {f.name for f in one if KINDS.get(f.name) != f.kind}
            found = merged([known], tuple(found.values()))
            yield
        families = {family.name: found.get(family.name, family) for family in DEFAULTS}
        if families != self._families:
            self._families = families
            self._clear()

    def _clear(self) -> None:
        self._keys.clear()
        self._plans.clear()
        self._zero_series.clear()
        self._over_objective.clear()
        self._size = self._words = 0

    def key(self, name: str, labels: Labels) -> SeriesKey:
        """The one key of a series."""
        found = self._keys.get((name, labels))
        if found is None:
            found = self._keys[name, labels] = SeriesKey(self._families[name], labels)
            found.at = self._words
            self._words += found.words
        return found

    def _plan(self, file: FileContents) -> Generator[None, None, SumPlan]:
        """How the series of a file are summed. A family that is not exported is left out."""
        index = file.index
        plan = self._plans.get(file.header.id)
        if plan is None or plan.index is not index:
            plan = self._plans[file.header.id] = SumPlan(index)
        while plan.read < len(index.series):
            for series in index.series[plan.read : plan.read + CHUNK]:
                plan.read += 1
                family = self._families.get(series.family.name)
                if family is None or not _fits(series, family):
                    continue
                key = self._key_in_budget(series.labels, family)
                if key is None:
                    self._reader.skip(file.name, "page_full")
                    continue
                plan.add(key, series)
            yield
        return plan

    def _key_in_budget(self, labels: Labels, family: StoredFamily) -> SeriesKey | None:
        """The key of a file's series, as long as the exported text stays below its limit."""
        key = self._keys.get((family.name, labels))
        if key is None:
            size = (100 + sum(map(len, labels))) * family.classic_values
            if self._size + size > MAX_EXPORTED:
                return None
            self._size += size
            key = self.key(family.name, labels)
        return key

    def _add_sums(self, snapshot: Snapshot, files: list[FileContents]) -> Steps:
        """Sum everything but gauges, over all files."""
        plans = []
        for file in files:
            plan = yield from self._plan(file)
            plans.append(plan)
        keys = dict.fromkeys(chain.from_iterable(plan.summed() for plan in plans))
        snapshot.stored = sums = WordSums(keys)
        for file, plan in zip(files, plans, strict=True):
            for places in plan.places.values():
                pairs = memoryview(places.pairs)
                for start in range(0, len(pairs), 2 * CHUNK):
                    piece = pairs[start : start + 2 * CHUNK]
                    sums.add(file.data, piece, places.words)
                    yield
            yield from _add_rebucketed(sums, file, plan)
        for number, key in enumerate(keys):
            if number % CHUNK == 0:
                yield
            snapshot.sums[key] = sums.classic(key)
            if key.started:
                snapshot.created[key] = key.started

    def _add_gauges(self, snapshot: Snapshot, file: FileContents) -> Steps:
        """Sum the gauges of a running worker."""
        sums = snapshot.sums
        gauges = (yield from self._plan(file)).gauges if file.alive else []
        for number, (key, series) in enumerate(gauges):
            if number % CHUNK == 0:
                yield
            (value,) = series.unpack(file.data, series.at)
            if value != ABSENT:
                sums[key] = (sums.get(key, (0,))[0] + value,)

    def _add_exemplars(self, snapshot: Snapshot, file: FileContents, after: int) -> Steps:
        """Add the exemplars that are newer than each that is no longer stored.

        So a bucket never has one that is older than one that it had before.
        """
        found = [each for each in exemplars(file) if each.seconds * NANOSECONDS > after]
        if not found:
            return
        sources = (yield from self._plan(file)).sources()
        for exemplar in found:
            if source := sources.get(exemplar.series):
                _add_exemplar(snapshot, *source, exemplar)

    def _add_app_metrics(
        self,
        snapshot: Snapshot,
        files: Iterable[FileContents],
        totals: FileContents | None,
        own: bytes,
    ) -> Steps:
        """The application's families, of all workers."""
        sources: list[Source] = []
        if totals:
            sources.append((totals.name, totals.index.app_metrics, None))
        for file in files:
            is_own = self._own is not None and file.header.id == self._own.id
            data = own if is_own else file.app_metrics
            sources.append((file.name, data, str(file.header.worker) if file.alive else None))
        found = yield from exported_families(sources, self._reader.skip)
        snapshot.app_families, refused = found
        for reason, number in refused.items():
            self._count(snapshot, "sidelight_families_skipped_total", reason, number)

    def _add_skipped(self, snapshot: Snapshot) -> None:
        """Count what is left out, and why."""
        for reason, number in Counter(reason for _, reason in self._reader.skipped).items():
            self._count(snapshot, "sidelight_files_skipped_total", reason, number)
        if self._unknown_families:
            name = "sidelight_families_skipped_total"
            self._count(snapshot, name, "later_version", len(self._unknown_families))

    def _count(self, snapshot: Snapshot, name: str, reason: str, number: int) -> None:
        key = self.key(name, (reason,))
        snapshot.sums[key] = (snapshot.sums.get(key, (0,))[0] + number,)

    def add_target_info(self, snapshot: Snapshot, service: ServiceInfo) -> None:
        """Add ``target_info``: the service that the metrics are of."""
        labels = (
            service.service_name or "unknown_service",
            service.service_version,
            service.service_instance_id,
        )
        snapshot.sums[self.key("target_info", labels)] = (1,)

    def add_duration(self, snapshot: Snapshot, ns: int) -> None:
        """Add how long the snapshot took."""
        snapshot.sums[self.key("sidelight_scrape_duration_seconds", ("",))] = (ns,)

    def _forget_all_but(self, files: Iterable[FileContents]) -> None:
        """Drop what is kept of files that no longer exist."""
        present = {file.header.id for file in files}
        for gone in self._plans.keys() - present:
            del self._plans[gone]
        if len(self._keys) > MAX_KEYS or self._size > MAX_EXPORTED / 2:
            self._clear()


def _add_rebucketed(sums: PythonSums, file: FileContents, plan: SumPlan) -> Steps:
    """Add series with other boundaries."""
    for number, (key, series) in enumerate(plan.rebucketed):
        if number % CHUNK == 0:
            yield
        values = series.unpack(file.data, series.at)
        words = array("Q", rebucketed(values, series.family, key.family))
        sums.add(words.tobytes(), memoryview(array("Q", (0, key.at))), key.words)


def _add_exemplar(
    snapshot: Snapshot, key: SeriesKey, source: StoredFamily, exemplar: StoredExemplar
) -> None:
    """Add an exemplar of a series; of several in one bucket the newest stays."""
    buckets = len(source.bounds) + 1
    if exemplar.bucket >= buckets or not math.isfinite(exemplar.seconds):
        return
    mapping = bucket_mapping(source.bounds, key.family.bounds)
    bucket = mapping[exemplar.bucket] if mapping else exemplar.bucket
    before = snapshot.exemplars.get((key, bucket))
    if before is None or before.seconds < exemplar.seconds:
        snapshot.exemplars[key, bucket] = exemplar


def _fits(series: StoredSeries, family: StoredFamily) -> bool:
    width = len(METRICS[family.name].labels)
    fits = len(series.labels) == width if width else series.labels == ("",)
    return fits and family.kind == series.family.kind
