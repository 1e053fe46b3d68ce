"""Four dashboards for services that have FastAPI's own telemetry, and nothing of ours."""

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.exporter.prometheus")
pytest.importorskip("fastapi.telemetry")

from tests.dashboards.asking import check_sound, check_variables, each, key, put
from tests.dashboards.reading import NATIVE
from tests.dashboards.stack import crowd, prometheus, served
from tests.live.prometheus import query
from tests.live.servers import eventually

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

ASKED = {"/items/7": 2, "/items/10": 1, "/items/none": 1, "/users": 1, "/nowhere": 1, "/broken": 1}
MUST = {
    "sidelight-fleet": {
        *(f"Services {letter}" for letter in "ABCDEFG"),
        "Without Sidelight A",
        "Services with the most requests A",
        "Services with the most errors A",
    },
    "sidelight-service": {
        "Requests A",
        "Errors A",
        "p95 A",
        "Budget left A",
        "Instances up A",
        "Requests by status A",
        "Errors B",
        "Latency A",
        "Latency C",
        "Latency distribution A",
        *(f"Routes by share of time {letter}" for letter in "ABCD"),
        *(f"Requests per instance {letter}" for letter in "ABC"),
        *(f"Mean latency per instance {letter}" for letter in "ABC"),
        *(f"Instances furthest from the median {letter}" for letter in "ABCD"),
    },
    "sidelight-route": {
        "Requests A",
        "Errors A",
        "p95 A",
        "Requests by status A",
        "4xx and 5xx by code and type A",
        "Latency A",
        "Latency C",
        "Latency distribution A",
        "Requests: now and before A",
        "p95: now and before A",
        "Duration of 5xx responses A",
    },
    "sidelight-objectives": {
        "Least budget left A",
        "Highest burn rate, 1 h A",
        *(f"Objectives {letter}" for letter in "ABCDEF"),
        "Burn rate over 1h and 5m A",
        "Budget left over time A",
        "All requests and bad requests A",
        *(f"Routes with the most failed requests {letter}" for letter in "ABCD"),
        "Share of failed requests A",
    },
}
OURS = {
    "sidelight-service": {
        "Measured by A": "OpenTelemetry only",
        "Event loop lag A": "requires Sidelight",
        "AnyIO threads A": "requires Sidelight",
    },
    "sidelight-route": {
        "In flight A": "requires Sidelight",
        "Oldest in flight A": "requires Sidelight",
        "Exceptions A": "requires Sidelight",
        "Time by phase A": "requires Sidelight",
        "First byte and last byte A": "requires Sidelight",
        "Validation errors by field A": "requires Sidelight",
        "Open connections A": "requires Sidelight",
    },
}
"""What is Sidelight's alone, and what its panels say in place of numbers."""


def test_four_dashboards_without_sidelight(tmp_path: Path) -> None:
    """Four dashboards show what FastAPI's own telemetry has, and nothing of what it hasn't."""
    with ExitStack() as parts:
        service = parts.enter_context(served("native:app", tmp_path, {}))
        port = parts.enter_context(prometheus({"native": [service.port]}, tmp_path))
        parts.enter_context(crowd(service, ASKED))
        eventually(lambda: query(port, "slo:error_budget_left:ratio < 1"))
        time.sleep(12)  # for rates over 20 seconds
        silent, loud = [], []
        for asked in (one for one in each() if one.uid in NATIVE):
            answer = put(port, asked)
            check_sound(asked, answer)
            if key(asked) in MUST[asked.uid] and not answer.series:
                silent.append(str(asked))
            if key(asked) in OURS.get(asked.uid, {}) and answer.series:
                loud.append(str(asked))
        assert not silent
        assert not loud
        check_variables(port)


def test_what_is_missing_is_said() -> None:
    """Each panel that only Sidelight can fill says so where it is empty."""
    for uid, names in OURS.items():
        for name, words in names.items():
            (panel,) = [one.words for one in each() if (one.uid, key(one)) == (uid, name)]
            assert words in panel, (uid, name, panel)
    known = {(one.uid, key(one)) for one in each()}
    assert {(uid, name) for uid, names in MUST.items() for name in names} <= known
