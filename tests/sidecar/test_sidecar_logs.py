"""Lines of the sidecar's log."""

import json
import logging

from sidelight.sidecar.logs import JsonFormatter


def test_a_record_is_one_line_of_json() -> None:
    """A line has the time in UTC with three digits of milliseconds, and the fields in ``extra``."""
    record = logging.makeLogRecord(
        {"created": 86_400.007, "msecs": 7.0, "levelname": "INFO", "name": "a", "msg": "b %d"}
        | {"args": (1,), "port": 9464}
    )
    assert json.loads(JsonFormatter().format(record)) == {
        "time": "1970-01-02T00:00:00.007Z",
        "level": "info",
        "logger": "a",
        "message": "b 1",
        "port": 9464,
    }
