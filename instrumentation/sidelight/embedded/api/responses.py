"""Responses of the HTTP API: the envelope, and query results as JSON.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from starlette.responses import Response

from sidelight.embedded.api.histograms import histogram_json
from sidelight.embedded.promql.annotations import limited
from sidelight.embedded.promql.engine import Matrix, Result, Scalar, String, Vector
from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.formatting import format_seconds, format_value
from sidelight.embedded.promql.frame import Labels, samples_of
from sidelight.embedded.promql.limits import TOO_MANY, QueryError, execution_error
from sidelight.embedded.promql.quoting import is_utf8, replace_invalid_bytes
from sidelight.sidecar.send_timeout import SendTimeoutResponse

STATUS_CODES = {
    "bad_data": 400,
    "execution": 422,
    "canceled": 503,
    "timeout": 503,
    "internal": 500,
    "not_found": 404,
    "unavailable": 501,
}
JSON = {"content-type": "application/json"}
TRUNCATED = "results truncated due to limit"


class ResponseData(NamedTuple):
    """The member ``data`` as JSON, and what is said about it."""

    text: str
    warnings: Sequence[str] = ()
    infos: Sequence[str] = ()


NO_CONTENT = ResponseData("")


def success_response(data: ResponseData) -> Response:
    """Return a response with data."""
    if data is NO_CONTENT:
        return Response(status_code=204)
    about = _member("warnings", "warning", data.warnings) + _member("infos", "info", data.infos)
    return _json_response(f'{{"status":"success","data":{data.text}{about}}}', 200)


def _member(name: str, kind: str, texts: Sequence[str]) -> str:
    return f',"{name}":{json.dumps(limited(texts, kind), ensure_ascii=False)}' if texts else ""


def error_response(error: QueryError) -> Response:
    """Return a response with an error of a query."""
    return error_of_type(error.kind, error.message)


def error_of_type(kind: str, message: str) -> Response:
    """Return a response with an error of one of the API's types."""
    body = {"status": "error", "errorType": kind, "error": message}
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return _json_response(text, STATUS_CODES[kind])


def _json_response(text: str, status: int) -> Response:
    if not is_utf8(text):
        text = replace_invalid_bytes(text)
    return SendTimeoutResponse(text, status, JSON)


MAX_VALUES = 1_000_000
"""Values of a response: some 30 MiB of text."""


def query_data(result: Result) -> str:
    """Return the member ``data`` of a response. Raises `QueryError` if it would be too large."""
    if isinstance(result, Matrix):
        kind, text = "matrix", _matrix(result)
    elif isinstance(result, Vector):
        kind, text = "vector", _vector(result)
    elif isinstance(result, Scalar):
        kind, text = "scalar", f'[{format_seconds(result.time)},"{format_value(result.value)}"]'
    elif isinstance(result, String):
        value = json.dumps(result.value, ensure_ascii=False)
        kind, text = "string", f"[{format_seconds(result.time)},{value}]"
    return f'{{"resultType":"{kind}","result":{text}}}'


def format_metric(labels: Labels) -> str:
    """Return a label set as JSON, sorted by name as in Prometheus."""
    return json.dumps(dict(sorted(labels.items())), separators=(",", ":"), ensure_ascii=False)


def _vector(result: Vector) -> str:
    time, values = format_seconds(result.time), result.values.tolist()
    found = [None] * len(values) if result.histograms is None else result.histograms.tolist()
    rows = (
        f'{{"metric":{format_metric(labels)},{_sample(time, value, histogram)}}}'
        for labels, value, histogram in zip(result.labels, values, found, strict=True)
    )
    return f"[{','.join(rows)}]"


def _sample(time: str, value: float, histogram: FloatHistogram | None) -> str:
    if histogram is None:
        return f'"value":[{time},"{format_value(value)}"]'
    return f'"histogram":[{time},{histogram_json(histogram)}]'


def _matrix(result: Matrix) -> str:
    if np.count_nonzero(result.present) + samples_of(result.histograms) > MAX_VALUES:
        raise execution_error(TOO_MANY)
    heads = [f'[{format_seconds(time)},"' for time in result.times.tolist()]
    return f"[{','.join(_row(result, row, heads) for row in range(len(result.labels)))}]"


def _row(result: Matrix, row: int, heads: list[str]) -> str:
    members = f"{_values(result, row, heads)}{_histograms(result, row)}"
    return f'{{"metric":{format_metric(result.labels[row])}{members}}}'


def _values(result: Matrix, row: int, heads: list[str]) -> str:
    columns = np.flatnonzero(result.present[row])
    values = result.values[row][columns].tolist()
    known: dict[float, str] = {}
    texts = []
    for at, number in zip(columns.tolist(), values, strict=True):
        text = known.get(number)
        if text is None or number == 0:  # 0 and -0 are one key
            text = known[number] = format_value(number)
        texts.append(f'{heads[at]}{text}"]')
    return f',"values":[{",".join(texts)}]' if texts else ""


def _histograms(result: Matrix, row: int) -> str:
    if result.histograms is None:
        return ""
    pairs = zip(result.times.tolist(), result.histograms[row].tolist(), strict=True)
    texts = [
        f"[{format_seconds(at)},{histogram_json(one)}]" for at, one in pairs if one is not None
    ]
    return f',"histograms":[{",".join(texts)}]' if texts else ""
