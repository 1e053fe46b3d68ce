"""Makes snapshots: everything a page shows, read from the store and summed over the workers."""

import math
import time
from collections import Counter
from collections.abc import Generator, Iterable
from operator import add

from sidelight.contract import ABSENT, DURATION_BUCKETS, METRICS, NANOSECONDS, OTHER, UNKNOWN
from sidelight.export import people
from sidelight.export.known_routes import KnownRoutes
from sidelight.export.plan import Plan
from sidelight.export.snapshot import Key, Labels, Snapshot
from sidelight.store import reader
from sidelight.store.directory_reader import DirectoryReader
from sidelight.store.file_index import StoredSeries
from sidelight.store.layout import HEARTBEAT, UNTRACKED, WORD, WorkerState
from sidelight.store.reader import FileContents, route_of
from sidelight.store.route_table import WEBSOCKET
from sidelight.store.schema import Schema, StoredFamily, merged, places, rebucketed, schema
from sidelight.store.service_info import ServiceInfo
from sidelight.store.writer import WorkerFile

Steps = Generator[None, None, None]
CHUNK = 200
ROWS_AT_ONCE = 20
MAX_KEYS = 100_000
MAX_PAGE = 256 * 1024 * 1024
"""About how many bytes of a page may come from files."""
STUCK = 5 * NANOSECONDS // 2
"""Nanoseconds: a worker whose loop last beat longer ago is blocked."""

DEFAULTS = (
    *schema(DURATION_BUCKETS),
    *(
        StoredFamily(metric.name, "gauge", ())
        for metric in METRICS.values()
        if metric.kind == "info"
    ),
)
"""Families as they are where no file says otherwise."""
KINDS = {family.name: family.kind for family in DEFAULTS}


class Collector:
    """Makes snapshots for one reader, and remembers what never changes between two.

    ``own`` is the reader's own file if it is a worker.
    """

    def __init__(self, view: DirectoryReader, own: WorkerFile | None = None) -> None:
        self._view = view
        self._own = own
        self._families: dict[str, StoredFamily] = {}
        self._keys: dict[tuple[str, Labels], Key] = {}
        self._plans: dict[bytes, Plan] = {}
        self._known = KnownRoutes(self.key)
        self._strange: set[str] = set()
        self._size = 0

    def collect(self, people: bytes = b"") -> Generator[None, None, Snapshot]:
        """Read and sum everything. Yields often, so that an event loop can do other work.

        ``people`` is a worker's own snapshot of the application's registry.
        """
        files, totals = yield from self._view.read()
        everything = [*([totals] if totals else []), *files]
        yield from self._agree([file.index.schema for file in everything])
        shot = Snapshot()
        shot.started = min((file.header.started for file in everything), default=0)
        counts: dict[Key, int] = {}
        for file in everything:
            yield from self._add_counts(counts, file)
        yield from _unpacked(shot, counts)
        for file in everything:
            yield from self._add_others(shot, file)
            yield from self._add_traces(shot, file)
        yield
        shot.sums[self.key("sidelight_series", ("",))] = (len(shot.sums),)
        yield from self._known.add(shot, files)
        yield from self._add_active(shot, files)
        self._add_workers(shot, files)
        self._add_about(shot, files)
        yield from self._add_people(shot, files, totals, people)
        self._add_skipped(shot)
        self._forget(files, totals)
        return shot

    def _agree(self, schemas: list[Schema]) -> Steps:
        """Show families with every boundary that any file has, so that all readers agree.

        A family of another version, or one that has another kind there, isn't ours to show.
        """
        found: dict[str, StoredFamily] = {}
        self._strange = set()
        for one in {id(one): one for one in schemas}.values():
            ours = tuple(f for f in one if KINDS.get(f.name) == f.kind)
            self._strange |= {f.name for f in one if KINDS.get(f.name) != f.kind}
            found = merged([ours], tuple(found.values()))
            yield
        families = {family.name: found.get(family.name, family) for family in DEFAULTS}
        if families != self._families:
            self._families = families
            self._clear()

    def _clear(self) -> None:
        self._keys.clear()
        self._plans.clear()
        self._known.clear()
        self._size = 0

    def key(self, name: str, labels: Labels) -> Key:
        """The one key of a series."""
        found = self._keys.get((name, labels))
        if found is None:
            found = self._keys[name, labels] = Key(self._families[name], labels)
        return found

    def _plan(self, file: FileContents) -> Generator[None, None, Plan]:
        """What to do with each series of a file. A family that is not ours to show is left out."""
        index = file.index
        plan = self._plans.get(file.header.id)
        if plan is None or plan.index is not index:
            plan = self._plans[file.header.id] = Plan(index)
        while plan.read < len(index.series):
            for series in index.series[plan.read : plan.read + CHUNK]:
                plan.read += 1
                family = self._families.get(series.family.name)
                if family is None or not _fits(series, family):
                    continue
                key = self._found(series.labels, family)
                if key is None:
                    self._view.skip(file.name, "page_full")
                    continue
                plan.add(key, series)
            yield
        return plan

    def _found(self, labels: Labels, family: StoredFamily) -> Key | None:
        """The key of a file's series, as long as the page has room for it."""
        key = self._keys.get((family.name, labels))
        if key is None:
            size = (100 + sum(map(len, labels))) * family.values
            if self._size + size > MAX_PAGE:
                return None
            self._size += size
            key = self.key(family.name, labels)
        return key

    def _add_counts(self, counts: dict[Key, int], file: FileContents) -> Steps:
        """Sum series that are stored alike by one addition each: all their words as one number.

        Word by word it takes three times as long. A word that overflows carries into the next;
        one of nanoseconds does after 584 years spent in a series.
        """
        data, get, number = file.data, counts.get, int.from_bytes
        spans = (yield from self._plan(file)).spans
        for start in range(0, len(spans), CHUNK):
            for key, at, end in spans[start : start + CHUNK]:
                counts[key] = get(key, 0) + number(data[at:end], "little")
            yield

    def _add_others(self, shot: Snapshot, file: FileContents) -> Steps:
        sums = shot.sums
        others = (yield from self._plan(file)).others
        for start in range(0, len(others), CHUNK):
            for key, series in others[start : start + CHUNK]:
                source, _, at, unpack = series
                values = unpack(file.data, at)
                if source.kind == "gauge" and (not file.alive or values[0] == ABSENT):
                    continue
                if source.bounds != key.family.bounds:
                    values = rebucketed(values, source, key.family)
                if key in sums:
                    values = tuple(map(add, sums[key], values))
                sums[key] = values
            yield

    def _add_traces(self, shot: Snapshot, file: FileContents) -> Steps:
        traces = reader.exemplars(file)
        if not traces:
            return
        sources = (yield from self._plan(file)).sources()
        for trace in traces:
            if found := sources.get(trace.series):
                self._add_trace(shot, *found, trace)

    def _add_trace(
        self, shot: Snapshot, key: Key, source: StoredFamily, trace: reader.StoredExemplar
    ) -> None:
        buckets = len(source.bounds) + 1
        if source.kind == "gauge" or trace.bucket >= buckets or not math.isfinite(trace.seconds):
            return
        moves = places(source.bounds, key.family.bounds)
        bucket = moves[trace.bucket] if moves else trace.bucket
        before = shot.exemplars.get((key, bucket))
        if before is None or before.seconds < trace.seconds:
            shot.exemplars[key, bucket] = trace

    def _add_active(self, shot: Snapshot, files: Iterable[FileContents]) -> Steps:
        """What the rows of requests in flight say."""
        now = time.monotonic_ns()
        counts: dict[Key, int] = {}
        oldest: dict[Key, int] = {}
        for file in files:
            if not file.alive:
                continue
            yield
            for number, row in enumerate(reader.inflight_requests(file)):
                if number % ROWS_AT_ONCE == 0:
                    yield
                route = route_of(file, row)
                if row.method == WEBSOCKET:
                    names: list[tuple[str, Labels]] = [("fastapi_websocket_active", (route,))]
                else:
                    names = [
                        ("http_server_active_requests", (row.method, row.scheme)),
                        ("fastapi_active_requests", (route,)),
                    ]
                    age = self.key("fastapi_oldest_active_request_seconds", (route,))
                    oldest[age] = max(oldest.get(age, 0), now - row.start)
                for name, labels in names:
                    key = self.key(name, labels)
                    counts[key] = counts.get(key, 0) + 1
            if rowless := file.word(UNTRACKED):
                for name, labels in (
                    ("http_server_active_requests", (OTHER, OTHER)),
                    ("fastapi_active_requests", (UNKNOWN,)),
                ):
                    key = self.key(name, labels)
                    counts[key] = counts.get(key, 0) + rowless
        shot.sums.update({key: (value,) for key, value in {**counts, **oldest}.items()})

    def _add_workers(self, shot: Snapshot, files: list[FileContents]) -> None:
        now = time.monotonic_ns()
        states = dict.fromkeys(("serving", "blocked", "draining"), 0)
        for file in files:
            if file.alive:
                age = max(0, now - file.word(HEARTBEAT))
                states[state_of(file, age)] += 1
                name = "sidelight_worker_heartbeat_age_seconds"
                shot.sums[self.key(name, (str(file.header.worker),))] = (age,)
        for state, number in states.items():
            shot.sums[self.key("sidelight_workers", (state,))] = (number,)
        for how in ("clean", "died"):  # from the start, so that increase() sees the first
            shot.sums.setdefault(self.key("sidelight_worker_exits_total", (how,)), (0,))

    def _add_skipped(self, shot: Snapshot) -> None:
        """What is not on the page, and why."""
        for reason, number in Counter(reason for _, reason in self._view.skipped).items():
            self._count(shot, "sidelight_files_skipped_total", reason, number)
        if self._strange:
            name = "sidelight_families_skipped_total"
            self._count(shot, name, "later_version", len(self._strange))

    def _count(self, shot: Snapshot, name: str, reason: str, number: int = 1) -> None:
        key = self.key(name, (reason,))
        shot.sums[key] = (shot.sums.get(key, (0,))[0] + number,)

    def _add_about(self, shot: Snapshot, files: Iterable[FileContents]) -> None:
        """Services and versions, of the living."""
        shot.abouts = [file.index.service_info for file in files if file.alive]
        for about in shot.abouts:
            labels = about.version, about.python_version, about.fastapi_version, about.server
            shot.sums[self.key("sidelight_build_info", labels)] = (1,)

    def name_target(self, shot: Snapshot, about: ServiceInfo) -> None:
        """Say whose metrics these are: ``target_info``."""
        labels = (
            about.service_name or "unknown_service",
            about.service_version,
            about.service_instance_id,
        )
        shot.sums[self.key("target_info", labels)] = (1,)

    def timed(self, shot: Snapshot, ns: int) -> None:
        """Say how long the snapshot took."""
        shot.sums[self.key("sidelight_scrape_duration_seconds", ("",))] = (ns,)

    def _add_people(
        self, shot: Snapshot, files: Iterable[FileContents], totals: FileContents | None, own: bytes
    ) -> Steps:
        """The application's families, of all workers."""
        sources: list[people.Source] = []
        if totals:
            sources.append((totals.name, totals.index.app_metrics, None))
        for file in files:
            mine = self._own is not None and file.header.id == self._own.id
            data = own if mine else file.app_metrics
            sources.append((file.name, data, str(file.header.worker) if file.alive else None))
        shot.people, refused = yield from people.collected(sources, self._view.skip)
        for reason, number in refused.items():
            self._count(shot, "sidelight_families_skipped_total", reason, number)

    def _forget(self, files: Iterable[FileContents], totals: FileContents | None) -> None:
        """Drop what is remembered of files that are gone."""
        there = {file.header.id for file in (*files, *([totals] if totals else []))}
        for gone in self._plans.keys() - there:
            del self._plans[gone]
        if len(self._keys) > MAX_KEYS or self._size > MAX_PAGE / 2:
            self._clear()


def _unpacked(shot: Snapshot, counts: dict[Key, int]) -> Steps:
    """Sums of many words each, word by word again."""
    for number, (key, count) in enumerate(counts.items()):
        if number % CHUNK == 0:
            yield
        room = (key.words + 1) * WORD  # one more for the last carry
        shot.sums[key] = key.unpack(count.to_bytes(room, "little"), 0)


def _fits(series: StoredSeries, family: StoredFamily) -> bool:
    width = len(METRICS[family.name].labels)
    fits = len(series.labels) == width if width else series.labels == ("",)
    return fits and family.kind == series.family.kind


def state_of(file: FileContents, age: int) -> str:
    """What a living worker is doing; ``age`` is its heartbeat's, in ns."""
    if file.state == WorkerState.DRAINING:
        return "draining"
    return "blocked" if age > STUCK else "serving"
