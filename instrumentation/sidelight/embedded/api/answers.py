"""Prometheus's envelope around what is answered."""

import json
from typing import NamedTuple

from starlette.responses import Response

from sidelight.embedded.promql.errors import QueryError
from sidelight.sidecar.send_timeout import SendTimeoutResponse

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
TRUNCATED = ["results truncated due to limit"]


class Data(NamedTuple):
    """What was asked, as JSON; and whether there was more than the limit that was asked for."""

    text: str
    truncated: bool = False


def answer(data: Data) -> Response:
    """What was asked."""
    more = f',"warnings":{json.dumps(TRUNCATED)}' if data.truncated else ""
    return SendTimeoutResponse(f'{{"status":"success","data":{data.text}{more}}}', headers=JSON)


def refused(error: QueryError) -> Response:
    """Why it can't be answered."""
    return refusal(error.kind, error.message)


def refusal(kind: str, message: str) -> Response:
    """An error of one of the API's kinds."""
    body = json.dumps(
        {"status": "error", "errorType": kind, "error": message}, separators=(",", ":")
    )
    return SendTimeoutResponse(body, CODES[kind], JSON)
