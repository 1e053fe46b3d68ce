"""The series that requests are counted in, and how values are added to them."""

from array import array
from bisect import bisect_left
from contextlib import suppress

from sidelight.asgi.duration_index import packed_cells
from sidelight.contract import DURATION, METRICS, NANOSECONDS, OTHER, ROUTE, SIZE_BUCKETS, Metric
from sidelight.store.atomic_add import FREE_THREADED, add
from sidelight.store.capacity import last_resort
from sidelight.store.mapped_file import StoreFull
from sidelight.store.writer import WorkerFile

REQUEST_SIZE = METRICS["http_server_request_body_size_bytes"]
RESPONSE_SIZE = METRICS["http_server_response_body_size_bytes"]
OVERFLOW = METRICS["sidelight_series_overflow_total"]

SERVER_ERROR = 500
SIZES = [int(bound) for bound in SIZE_BUCKETS]
PACKED_SIZES = array("q", SIZES).tobytes()


class SeriesWriter:
    """Adds values to the series of one worker's file, within its cap on label sets."""

    def __init__(self, file: WorkerFile) -> None:
        self.file = file
        self.bounds = file.bounds(DURATION)
        """On which durations count, in nanoseconds."""
        self.packed_bounds = array("q", self.bounds).tobytes()
        self.packed_cells = packed_cells(self.bounds)
        self.classic_bounds = [round(bound * NANOSECONDS) for bound in file.family(DURATION).bounds]
        """Of them, those that are exported as classic buckets."""

    def series(self, metric: Metric, labels: tuple[str, ...]) -> tuple[int, bool]:
        """A series, and whether it is exactly this one.

        Past the cap it is the one whose route is ``_OTHER``, and that is counted. Where the file
        has no room for that either, it is one of the file's reserve.
        """
        try:
            return self.file.series(metric, labels), True
        except StoreFull:
            self.file.count(OVERFLOW)
            at = metric.labels.index(ROUTE)
            other = (*labels[:at], OTHER, *labels[at + 1 :])
            with suppress(StoreFull):
                return self.file.series(metric, other, uncapped=True), False
            return self.file.series(metric, last_resort(metric, labels), reserved=True), False

    def add(self, series: int, index: int, value: int) -> None:
        """Add one observation to the bucket at ``index``, and its value to the sum."""
        words = self.file.words
        if FREE_THREADED:
            add(words, series, value)
            add(words, series + index, 1)
        else:  # the same, without two calls
            words[series] += value
            words[series + index] += 1

    def observe(self, metric: Metric, labels: tuple[str, ...], value: int) -> None:
        """Add one observation (nanoseconds or bytes) to a histogram, off the fast path."""
        series, _ = self.series(metric, labels)
        self.add(series, bisect_left(self.file.bounds(metric), value) + 1, value)

    def increment(self, metric: Metric, labels: tuple[str, ...], amount: int = 1) -> int:
        """Add to a counter with a route."""
        series, _ = self.series(metric, labels)
        add(self.file.words, series, amount)
        return series

    def bucket_index(self, ns: int) -> int:
        """The index of a duration among a series' values, of which the first is the sum."""
        return bisect_left(self.bounds, ns) + 1

    def set_exemplar(self, series: int, span: tuple[bytes, bytes], ns: int) -> None:
        """Store the exemplar of the classic bucket of a duration."""
        bucket = bisect_left(self.classic_bounds, ns)
        self.file.set_exemplar(series, bucket, *span, ns / NANOSECONDS)


class RouteSeries:
    """One method of one route: its labels, and the series it has used."""

    __slots__ = (
        "_durations",
        "_request_size",
        "_response_size",
        "_writer",
        "by_status",
        "first_byte",
        "method",
        "route",
        "scheme",
        "slow_ns",
    )

    def __init__(
        self, writer: SeriesWriter, method: str, route: str, scheme: str, slow_ns: int
    ) -> None:
        self._writer = writer
        self.method = method
        self.route = route
        self.scheme = scheme
        self.slow_ns = slow_ns
        self.first_byte = False
        """Whether the time to the first byte says that a response is slow."""
        self.by_status: dict[int, StatusSeries] = {}
        self._durations: dict[int, int] = {}
        self._request_size: int | None = None
        self._response_size: int | None = None

    def duration(self, status: int, error: str = "") -> int:
        """The series of durations with a status; 0 is a status that was never sent."""
        if not error and status in self._durations:
            return self._durations[status]
        code = str(status) if status else ""
        kind = error or (code if status >= SERVER_ERROR else "")
        labels = (self.method, self.route, code, kind, self.scheme)
        series, exact = self._writer.series(DURATION, labels)
        if exact and not error:
            self._durations[status] = series
        return series

    def request_size(self) -> int:
        """The series of request body sizes."""
        if self._request_size is not None:
            return self._request_size
        series, exact = self._writer.series(REQUEST_SIZE, (self.method, self.route))
        self._request_size = series if exact else None
        return series

    @property
    def first_bound(self) -> int:
        """The least classic boundary of durations, in nanoseconds."""
        return self._writer.classic_bounds[0]

    @property
    def known_request_size(self) -> int:
        """As `request_size`, but 0 if there is no such series yet."""
        return self._request_size or 0

    def response_size(self) -> int:
        """The series of response body sizes."""
        if self._response_size is not None:
            return self._response_size
        series, exact = self._writer.series(RESPONSE_SIZE, (self.method, self.route))
        self._response_size = series if exact else None
        return series

    def status_series(self, status: int, *, tracing: bool) -> "StatusSeries":
        """Where whole responses with a status are counted."""
        found = self.by_status.get(status)
        if found is None:
            duration, size = self.duration(status), self.response_size()
            limit = -1 if tracing else self.slow_ns - 1
            found = StatusSeries(self, status, duration, size, limit)
            if duration == self._durations.get(status) and size == self._response_size:
                self.by_status[status] = found
        return found


class StatusSeries:
    """Where whole responses of a route with one status are counted: durations and sizes.

    Of a response that took at most ``limit`` nanoseconds there is nothing to record but its
    duration and sizes. Up to ``fast_path_limit``, which is the first classic boundary at most,
    Python's fast path counts it, which needs a GIL; the client of a later one may have left.
    """

    __slots__ = (
        "duration",
        "fast_path_limit",
        "limit",
        "route_series",
        "size",
        "status",
    )

    def __init__(
        self,
        route_series: RouteSeries,
        status: int,
        duration: int,
        size: int,
        limit: int,
    ) -> None:
        self.route_series = route_series
        self.status = status
        self.duration = duration
        self.size = size
        self.limit = limit
        self.fast_path_limit = -1 if FREE_THREADED else min(route_series.first_bound, limit)

    @property
    def request_size(self) -> int:
        """The series of request body sizes; 0 if none was made yet."""
        return self.route_series.known_request_size


def size_index(size: int) -> int:
    """The index of a size among a series' values, of which the first is the sum."""
    return bisect_left(SIZES, size) + 1
