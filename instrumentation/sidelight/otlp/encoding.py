"""Data as it is sent, with what the SDK's data points have no field for."""

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics.export import MetricsData

from sidelight.contract.native_buckets import ZERO_THRESHOLD


def encode(data: MetricsData) -> ExportMetricsServiceRequest:
    """A request with this data; exponential histograms say how far their zero bucket goes."""
    request = encode_metrics(data)
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.exponential_histogram.data_points:
                    point.zero_threshold = ZERO_THRESHOLD
    return request
