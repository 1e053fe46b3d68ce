"""Results of queries as JSON."""

import json

import numpy as np

from sidelight.embedded.promql.errors import failed
from sidelight.embedded.promql.limits import TOO_MANY
from sidelight.embedded.promql.result import Labels, Matrix, Result, Scalar, String, Vector
from sidelight.embedded.promql.spelling import seconds, value

MOST = 1_000_000
"""Values of an answer: some 30 MiB of text."""


def data(result: Result) -> str:
    """The member ``data`` of an answer. Raises `QueryError` where it would be too much."""
    if isinstance(result, Matrix):
        kind, text = "matrix", _matrix(result)
    elif isinstance(result, Vector):
        kind, text = "vector", _vector(result)
    elif isinstance(result, Scalar):
        kind, text = "scalar", f'[{seconds(result.time)},"{value(result.value)}"]'
    elif isinstance(result, String):
        kind, text = "string", f"[{seconds(result.time)},{json.dumps(result.value)}]"
    return f'{{"resultType":"{kind}","result":{text}}}'


def metric(labels: Labels) -> str:
    """A label set; the name first, as Prometheus sorts it."""
    return json.dumps(dict(sorted(labels.items())), separators=(",", ":"), ensure_ascii=False)


def _vector(result: Vector) -> str:
    time = seconds(result.time)
    pairs = zip(result.labels, result.values.tolist(), strict=True)
    rows = (f'{{"metric":{metric(ls)},"value":[{time},"{value(v)}"]}}' for ls, v in pairs)
    return f"[{','.join(rows)}]"


def _matrix(result: Matrix) -> str:
    if np.count_nonzero(result.present) > MOST:
        raise failed(TOO_MANY)
    heads = [f'[{seconds(time)},"' for time in result.times.tolist()]
    return f"[{','.join(_row(result, row, heads) for row in range(len(result.labels)))}]"


def _row(result: Matrix, row: int, heads: list[str]) -> str:
    there = np.flatnonzero(result.present[row])
    values = result.values[row][there].tolist()
    known: dict[float, str] = {}
    texts = []
    for at, number in zip(there.tolist(), values, strict=True):
        text = known.get(number)
        if text is None or number == 0:  # 0 and -0 are one key
            text = known[number] = value(number)
        texts.append(f'{heads[at]}{text}"]')
    return f'{{"metric":{metric(result.labels[row])},"values":[{",".join(texts)}]}}'
