"""A page in protobuf whose counts grow evenly, with native histograms or without."""

import io
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.export.accept_headers import PROTOBUF
from tests.export.protobuf_page import delimited, families
from tests.serving import serving

CLASSIC = "/classic"
"""The path of the page without native buckets."""
EVERY = 100
"""Milliseconds in which each counter has once more what the page had."""
NATIVE = ("schema", "zero_threshold", "zero_count", "positive_span", "positive_delta")


@contextmanager
def growing_protobuf(page: bytes) -> Iterator[int]:
    """The port of a page that grows by itself; its timestamps say exactly when.

    So rates are the same however late a scrape is.
    """
    began = time.time_ns() // 1_000_000 - EVERY

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            times = (time.time_ns() // 1_000_000 - began) // EVERY
            found = [grown(one, times, began + times * EVERY) for one in families(page)]
            body = delimited_page(map(without_native, found) if self.path == CLASSIC else found)
            self.send_response(200)
            self.send_header("Content-Type", PROTOBUF)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with serving(Handler) as port:
        yield port


def grown(family: Any, times: int, at: int) -> Any:
    """A family that has counted so many times as much at a time, without exemplars."""
    for metric in family.metric:
        metric.timestamp_ms = at
        if metric.HasField("counter"):
            metric.counter.ClearField("exemplar")
            metric.counter.value *= times
        for kind in ("histogram", "summary"):
            if metric.HasField(kind):
                getattr(metric, kind).sample_count *= times
                getattr(metric, kind).sample_sum *= times
        if metric.HasField("histogram"):
            _grow_buckets(metric.histogram, times)
    return family


def _grow_buckets(histogram: Any, times: int) -> None:
    histogram.ClearField("exemplars")
    for bucket in histogram.bucket:
        bucket.cumulative_count *= times
        bucket.ClearField("exemplar")
    if histogram.HasField("zero_count"):
        histogram.zero_count *= times
    histogram.positive_delta[:] = [delta * times for delta in histogram.positive_delta]


def without_native(family: Any) -> Any:
    """A family whose histograms have classic buckets only."""
    for metric in family.metric:
        if metric.HasField("histogram"):
            for name in NATIVE:
                metric.histogram.ClearField(name)
    return family


def delimited_page(found: Iterable[Any]) -> bytes:
    """Families, each with its length before it."""
    page = io.BytesIO()
    for family in found:
        delimited.serialize_length_prefixed(family, page)
    return page.getvalue()
