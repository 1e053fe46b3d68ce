"""Prometheus's envelope around what is answered."""

import json
from collections.abc import Sequence

from starlette.responses import Response

from sidelight.promql.errors import QueryError
from sidelight.sidecar.paced import Paced

CODES = {
    "bad_data": 400,
    "execution": 422,
    "canceled": 503,
    "timeout": 503,
    "internal": 500,
    "not_found": 404,
    "unavailable": 501,
}
JSON = {"content-type": "application/json"}


def answer(data: str, warnings: Sequence[str] = ()) -> Response:
    """What was asked; ``data`` is JSON."""
    more = f',"warnings":{json.dumps(list(warnings))}' if warnings else ""
    return Paced(f'{{"status":"success","data":{data}{more}}}', headers=JSON)


def refused(error: QueryError) -> Response:
    """Why it can't be answered."""
    return refusal(error.kind, error.message)


def refusal(kind: str, message: str) -> Response:
    """An error of one of the API's kinds."""
    body = json.dumps(
        {"status": "error", "errorType": kind, "error": message}, separators=(",", ":")
    )
    return Paced(body, CODES[kind], JSON)
