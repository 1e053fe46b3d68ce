"""What a test reads: metrics of the applications under test, since the test began."""

from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

from sidelight.asgi.lifecycle import StoreLifecycle
from sidelight.contract import DURATION, ERROR, METHOD, METRICS, ROUTE, STATUS
from sidelight.testing.blocks import SHORTEST
from sidelight.testing.lookup import (
    Between,
    FoundSeries,
    UnknownError,
    find,
    quantile,
    requested_routes,
)
from sidelight.testing.measured_test import MeasuredTest
from sidelight.testing.metric_data import Labels, MetricData, MetricSeries

VALIDATION = METRICS["fastapi_validation_errors_total"]
QUEUE = METRICS["fastapi_request_queue_seconds"]
RESPONSE_VALIDATION = METRICS["fastapi_response_validation_errors_total"]
LISTED = 5
FAILED = 400


class Metrics:
    """The metrics of the applications under test, since the test began.

    A metric's name may lack its ending (``_total``, ``_seconds``, ``_bytes``) or be
    OpenTelemetry's. Labels are keyword arguments or a mapping, by their names or for short
    (route, method, status, error, scheme, pool, state); what is not given is summed over. A
    name, a label or a route that isn't there raises `UnknownError`, which lists those that are.
    """

    def __init__(self, test: MeasuredTest, app: Any = None) -> None:
        self._test = test
        self._app = app

    def of(self, app: Any) -> "Metrics":
        """Those of one application alone; what is the process's own is with it."""
        return Metrics(self._test, app)

    def value(
        self, name: str, labels: Mapping[str, object] | None = None, /, **more: object
    ) -> float:
        """What a counter was raised by, or what a gauge is now.

        Of a histogram, a name that ends in ``_count``, ``_sum`` or ``_bucket`` (with ``le``).
        """
        found = self._find(name, labels, more)
        total = found.total()
        if found.part == "_count":
            return total.count
        if not found.part and found.family.kind in {"histogram", "summary"}:
            raise TypeError(
                f"{found.family.name} is a {found.family.kind}: ask for its count(), sum() or "
                "quantile()"
            )
        return total.value

    def count(
        self, name: str, labels: Mapping[str, object] | None = None, /, **more: object
    ) -> int:
        """Observations of a histogram or summary."""
        return self._histogram(name, labels, more).count

    def sum(
        self, name: str, labels: Mapping[str, object] | None = None, /, **more: object
    ) -> float:
        """The sum of a histogram's or summary's observations, in seconds or bytes."""
        return self._histogram(name, labels, more).value

    def quantile(
        self, name: str, q: float, labels: Mapping[str, object] | None = None, /, **more: object
    ) -> Between:
        """What a quantile of a histogram lies between: the edges of its bucket.

        Raises `UnknownError` where nothing was observed.
        """
        if not 0 < q <= 1:
            raise ValueError(f"q={q!r}: a quantile is above 0 and at most 1, such as 0.95")
        series = self._histogram(name, labels, more)
        if not series.count:
            raise UnknownError(f"{name} has no observation with these labels{self._test.why()}")
        return quantile(series, q)

    def assert_faster_than(
        self,
        route: str,
        *,
        p50: float | None = None,
        p95: float | None = None,
        p99: float | None = None,
        method: str | None = None,
    ) -> None:
        """Fail unless a route's requests were faster than these limits, in seconds.

        A quantile is known as the bucket it is in, of which the upper edge has to be within
        the limit. Raises `UnknownError` for a route that was not asked for.
        """
        __tracebackhide__ = True
        limits = {"p50": p50, "p95": p95, "p99": p99}
        given = {name: limit for name, limit in limits.items() if limit is not None}
        if not given:
            raise TypeError("give a limit in seconds, such as p95=0.2")
        labels = {ROUTE: route} | ({METHOD: method} if method else {})
        found = self._find(DURATION.name, labels, {})
        total = found.total()
        what = f"{method} {route}" if method else route
        if not total.count:
            raise AssertionError(f"no request of {what} has ended in this test{self._test.why()}")
        self._answered(what, route, method)
        slow = [
            _too_slow(what, name, quantile(total, int(name[1:]) / 100), limit)
            for name, limit in given.items()
        ]
        if any(slow):
            raise AssertionError("\n".join(filter(None, slow)))

    def assert_never_blocks(self, seconds: float = 0.1) -> None:
        """Fail if a request, or what it or the lifespan left running, blocked the event loop.

        ``seconds`` is how long is too long, 0.01 at the least.
        """
        __tracebackhide__ = True
        if not SHORTEST <= seconds < inf:
            raise ValueError(f"seconds={seconds!r}: blocks can be measured from {SHORTEST} s on")
        only = self._only()
        if not requested_routes(self._test.added(only)):
            raise AssertionError(f"no request was measured in this test{self._test.why()}")
        blocks = [each for each in self._test.blocks.found(only) if each.seconds >= seconds]
        if blocks:
            listed = "\n".join(f"  {block}" for block in blocks[:LISTED])
            more = f"\n  and {len(blocks) - LISTED} more" if len(blocks) > LISTED else ""
            raise AssertionError(
                f"the event loop was blocked for {seconds:g} s or more:\n{listed}{more}"
            )
        if self._test.blocks.unseen:
            raise AssertionError(
                "whether the event loop was blocked can't be seen: an application ran on "
                f"{', '.join(sorted(self._test.blocks.unseen))}; test it on asyncio's own loop"
            )

    def assert_queue_below(self, seconds: float) -> None:
        """Fail unless each request waited for less than this before the application was called.

        ``seconds`` is 0.01 at the least. A wait is known as the bucket it is in, of which the
        upper edge has to be within the limit. Waits are known of requests to uvicorn on Linux, and
        with the setting ``queue_header``; this fails where a request's is not.
        """
        __tracebackhide__ = True
        if not SHORTEST <= seconds < inf:
            raise ValueError(f"seconds={seconds!r}: waits can be measured from {SHORTEST} s on")
        data = self._data()
        if not requested_routes(data):
            raise AssertionError(f"no request was measured in this test{self._test.why()}")
        waits = [(dict(labels), each) for labels, each in _series(data, QUEUE.name) if each.count]
        found = [
            _too_slow(f"{of[METHOD]} {of[ROUTE]}", "the longest wait", quantile(each, 1), seconds)
            for of, each in waits
        ]
        if any(found):
            lines = sorted(filter(None, found))
            raise AssertionError(_listed("requests waited for the event loop", lines))
        only = self._only()
        if self._test.without_waits if only is None else only in self._test.without_waits:
            raise AssertionError(
                "whether requests waited can't be seen: a request came from a client in this "
                "process, or a server that does not tell when it arrived; serve the application "
                "with uvicorn, on Linux"
            )

    def assert_no_validation_errors(self) -> None:
        """Fail if a request or a response did not fit what its route declares."""
        __tracebackhide__ = True
        data = self._data()
        if not requested_routes(data):
            raise AssertionError(f"no request was measured in this test{self._test.why()}")
        lines = []
        for metric in (VALIDATION, RESPONSE_VALIDATION):
            for labels, series in _series(data, metric.name):
                if series.value:
                    found = {"location": "response", "type": "not its model", **dict(labels)}
                    where = f"{found[ROUTE]}: {found['location']}: {found['type']}"
                    lines.append(f"{where} ({series.value:g} times)")
        if lines:
            raise AssertionError(_listed("validation errors", lines))

    def _answered(self, what: str, route: str, method: str | None) -> None:
        """An error is no answer, however quick it is."""
        statuses: dict[str, int] = {}
        for labels, series in _series(self._data(), DURATION.name):
            found = dict(labels)
            if found[ROUTE] == route and method in {None, found[METHOD]} and series.count:
                name = found[STATUS] or found[ERROR]
                statuses[name] = statuses.get(name, 0) + series.count
        if not any(status.isdigit() and int(status) < FAILED for status in statuses):
            listed = ", ".join(f"{count} times {name}" for name, count in sorted(statuses.items()))
            raise AssertionError(f"no request of {what} succeeded: {listed}")

    def _only(self) -> StoreLifecycle | None:
        return None if self._app is None else self._test.lifecycle_of(self._app)

    def _data(self) -> MetricData:
        return self._test.added(self._only())

    def _find(
        self, name: str, labels: Mapping[str, object] | None, more: Mapping[str, object]
    ) -> FoundSeries:
        return find(self._data(), name, {**(labels or {}), **more}, self._test.why())

    def _histogram(
        self, name: str, labels: Mapping[str, object] | None, more: Mapping[str, object]
    ) -> MetricSeries:
        found = self._find(name, labels, more)
        if found.part or found.family.kind not in {"histogram", "summary"}:
            raise TypeError(f"{name} is no histogram: ask for its value()")
        return found.total()


def _series(data: MetricData, name: str) -> list[tuple[Labels, MetricSeries]]:
    return list(data[name].series.items()) if name in data else []


def _listed(what: str, lines: Iterable[str]) -> str:
    first = [*lines]
    more = [f"and {len(first) - LISTED} more"] if len(first) > LISTED else []
    return "\n  ".join([f"{what}:", *first[:LISTED], *more])


def _too_slow(what: str, name: str, found: Between, limit: float) -> str:
    """What is wrong with a quantile; nothing if it is within its limit."""
    if found.high <= limit:
        return ""
    doubt = ""
    if found.low < limit:
        doubt = (
            f", so whether it is within the limit is unknown: "
            f"SidelightMiddleware(buckets=…) with {limit:g} among them tells"
        )
    return f"{name} of {what} is {found}; the limit is {limit:g} s{doubt}"
