"""Native histograms as JSON, as the HTTP API has them.

https://prometheus.io/docs/prometheus/latest/querying/api/#native-histograms
"""

from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.formatting import format_value
from sidelight.embedded.promql.histogram_buckets import bounded_buckets


def histogram_json(histogram: FloatHistogram) -> str:
    """Return the count, the sum, and the buckets that are not empty."""
    columns = (column.tolist() for column in bounded_buckets(histogram).populated())
    buckets = ",".join(map(_bucket, *columns))
    sums = f'"count":"{format_value(histogram.count)}","sum":"{format_value(histogram.sum)}"'
    return f'{{{sums},"buckets":[{buckets}]}}' if buckets else f"{{{sums}}}"


def _bucket(lower: float, upper: float, count: float, kind: int) -> str:
    bounds = f'"{format_value(lower)}","{format_value(upper)}"'
    return f'[{kind},{bounds},"{format_value(count)}"]'
