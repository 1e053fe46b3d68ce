"""Pages in Prometheus's protobuf format, decoded by its own client model.

The definition is that of a Debian package, which `protoc` compiles.
"""

import io
import math
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import pytest

from tests.live.newer import ROOT, SUITE

descriptor_pb2 = pytest.importorskip("google.protobuf.descriptor_pb2")
descriptor_pool = pytest.importorskip("google.protobuf.descriptor_pool")
message_factory = pytest.importorskip("google.protobuf.message_factory")
delimited = pytest.importorskip("google.protobuf.proto")
timestamp_pb2 = pytest.importorskip("google.protobuf.timestamp_pb2")

PACKAGE = "golang-github-prometheus-client-model-dev"
Sample = tuple[str, frozenset[tuple[str, str]]]


@cache
def metric_family() -> Any:
    """The class `io.prometheus.client.MetricFamily`, compiled, or a skipped test."""
    compiler = shutil.which("protoc") or pytest.skip("no protoc (Debian: protobuf-compiler)")
    sources = ROOT / ".cache" / f"{PACKAGE}-{SUITE}"
    found = next(sources.glob("**/metrics.proto"), None)
    found = found or pytest.skip(f"no client model: .ci/newer {PACKAGE} {SUITE}")
    imported = descriptor_pb2.FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(imported)
    done = subprocess.run(
        [
            compiler,
            "--descriptor_set_in=/dev/stdin",
            f"-I{found.parent}",
            "--descriptor_set_out=/dev/stdout",
            found.name,
        ],
        input=descriptor_pb2.FileDescriptorSet(file=[imported]).SerializeToString(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    (compiled,) = descriptor_pb2.FileDescriptorSet.FromString(done.stdout).file
    pool = descriptor_pool.DescriptorPool()
    for file in (imported, compiled):
        pool.Add(file)
    name = "io.prometheus.client.MetricFamily"
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def families(page: bytes) -> list[Any]:
    """The families of a page, each with its length before it."""
    rest, found = io.BytesIO(page), []
    while (one := delimited.parse_length_prefixed(metric_family(), rest)) is not None:
        found.append(one)
    return found


def pairs(labels: Sequence[Any]) -> dict[str, str]:
    """Labels, of which none is there twice."""
    found = {pair.name: pair.value for pair in labels}
    assert len(found) == len(labels)
    return found


def samples(found: Iterable[Any]) -> dict[Sample, float]:
    """The samples that Prometheus makes of families; none is there twice."""
    page: dict[Sample, float] = {}
    for family in found:
        for metric in family.metric:
            for suffix, more, value in _values(metric):
                key = family.name + suffix, frozenset({**pairs(metric.label), **more}.items())
                assert key not in page, f"twice: {key}"
                page[key] = value
    return page


def _values(metric: Any) -> Iterator[tuple[str, dict[str, str], float]]:
    """Suffix, further labels and value of each sample of a metric."""
    for kind in ("counter", "gauge", "untyped"):
        if metric.HasField(kind):
            yield "", {}, getattr(metric, kind).value
    for kind in ("histogram", "summary"):
        if metric.HasField(kind):
            yield "_count", {}, getattr(metric, kind).sample_count
            yield "_sum", {}, getattr(metric, kind).sample_sum
    for bucket in metric.histogram.bucket:
        yield "_bucket", {"le": le(bucket.upper_bound)}, bucket.cumulative_count
    for each in metric.summary.quantile:
        yield "", {"quantile": le(each.quantile)}, each.value


def le(bound: float) -> str:
    """A boundary or a quantile, always written alike."""
    return "+Inf" if bound == math.inf else repr(float(bound))


def normal(page: dict[Sample, float]) -> dict[Sample, float]:
    """Samples of a text page, whose boundaries are texts."""
    return {
        (name, frozenset((k, le(float(v)) if k in {"le", "quantile"} else v) for k, v in labels)): v
        for (name, labels), v in page.items()
    }
