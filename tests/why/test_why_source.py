"""The source over HTTP, and the command that asks it."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sidelight.errors import SettingsError
from sidelight.why.http_source import HTTPPrometheus
from sidelight.why.source import LoadedAlerts, Sample, SourceError
from tests.live.sidecars import SIDELIGHT
from tests.serving import serving

VECTOR = [{"metric": {"job": "shop"}, "value": [1.0, "2.5"]}]
RULE = {
    "name": "RestartLoop",
    "type": "alerting",
    "alerts": [
        {
            "labels": {"alertname": "RestartLoop", "job": "shop", "severity": "warning"},
            "annotations": {"summary": "it restarts"},
            "state": "firing",
            "activeAt": "2026-11-30T12:00:00.5Z",
        }
    ],
}


@contextmanager
def answering(answers: Mapping[str, Any], asked: list[str] | None = None) -> Iterator[str]:
    """A server with these data by the last part of the path; 404 for any other."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            name = url.path.rpartition("/")[2]
            query = parse_qs(url.query).get("query", [""])[0]
            found = answers.get(query, answers.get(name))
            if asked is not None:
                asked.append(self.headers.get("Authorization") or "")
            self.send_response(404 if found is None else 200)
            self.end_headers()
            text = found if isinstance(found, str) else json.dumps({"data": found})
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"


def test_samples_are_read_with_the_token() -> None:
    """A query's samples have labels and numbers; the token is sent."""
    asked: list[str] = []
    with answering({"query": {"result": VECTOR}}, asked) as url:
        assert HTTPPrometheus(url + "/", "secret").query("up", 1.0) == [
            Sample({"job": "shop"}, 2.5)
        ]
    assert asked == ["Bearer secret"]


def test_times_are_those_of_the_series() -> None:
    """Of a range, the times at which a series has these labels."""
    result = [
        {"metric": {"job": "shop"}, "values": [[10, "1"], [20, "1"]]},
        {"metric": {"job": "other"}, "values": [[30, "1"]]},
    ]
    with answering({"query_range": {"result": result}}) as url:
        times = HTTPPrometheus(url).times("up", {"job": "shop"}, (0, 60, 10))
    assert times == [10.0, 20.0]


def test_alerts_are_those_of_the_rules() -> None:
    """Rules with other names are left out; the time is in seconds since 1970."""
    rules = {"groups": [{"rules": [RULE, {**RULE, "name": "Other"}]}]}
    with answering({"rules": rules}) as url:
        found = HTTPPrometheus(url).alerts({"RestartLoop"})
    (alert,) = found.active
    assert found.names == frozenset({"RestartLoop"})
    assert (alert.name, alert.state, alert.since, alert.severity) == (
        "RestartLoop",
        "firing",
        1796040000.5,
        "warning",
    )


@pytest.mark.parametrize("listed", [{}, {"rules": {"groups": []}}], ids=["no list", "empty list"])
def test_a_store_without_rules_has_recorded_alerts(listed: Mapping[str, Any]) -> None:
    """Where no rule is listed, the series that the evaluator writes tell of alerts."""
    labels = {"alertname": "RestartLoop", "job": "shop", "severity": "warning"}
    since = [{"metric": {**labels, "__name__": "ALERTS_FOR_STATE"}, "value": [9, "5"]}]
    state = {"__name__": "ALERTS", "alertstate": "firing"}
    answers = {
        'ALERTS_FOR_STATE{alertname=~"RestartLoop"}': {"result": since},
        'ALERTS{alertstate="firing"}': {
            "result": [{"metric": {**labels, **state}, "value": [9, "1"]}]
        },
    }
    with answering({**answers, **listed}) as url:
        found = HTTPPrometheus(url).alerts({"RestartLoop"})
    assert found.names is None
    assert [(one.name, one.state, one.since) for one in found.active] == [
        ("RestartLoop", "firing", 5.0)
    ]


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ({}, "answers 404 Not Found"),
        ({"query": "<html>"}, "is not a Prometheus's answer"),
        ({"query": {"result": [{"value": 1}]}}, "answers up with something else"),
    ],
)
def test_what_is_no_answer_is_told(answers: Mapping[str, Any], problem: str) -> None:
    """Each error names the address, and what it answered."""
    with answering(answers) as url, pytest.raises(SourceError, match=problem) as caught:
        HTTPPrometheus(url).query("up", 1.0)
    assert url in str(caught.value)


def test_no_rules_and_no_alerts_are_no_fault() -> None:
    """A Prometheus without Sidelight's rules has none."""
    with answering({"rules": {"groups": []}, "query": {"result": []}}) as url:
        assert HTTPPrometheus(url).alerts({"RestartLoop"}) == LoadedAlerts(frozenset(), [])


def test_what_is_no_url_is_refused() -> None:
    """The error has an example that works."""
    with pytest.raises(SettingsError, match="sidelight why http://127"):
        HTTPPrometheus("localhost:9090")


def test_a_source_that_is_away_is_unknown() -> None:
    """The command says so, in text and as JSON, and its status is 1."""
    with answering({}) as url:
        pass
    for option in ((), ("--json",)):
        done = subprocess.run(
            [SIDELIGHT, "why", url, *option], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (1, "")
        assert "can't be reached" in done.stdout
    assert json.loads(done.stdout)["state"] == "unknown"
