"""The HTTP API, called as clients do."""

import json
from typing import Any

import pytest

pytest.importorskip("numpy", reason="the extra history is not installed")

import anyio
from starlette.applications import Starlette
from starlette.testclient import TestClient

from sidelight.embedded.api.parameters import ApiParameters
from sidelight.embedded.api.routes import AppState, routes
from sidelight.embedded.api.rules import rules
from sidelight.embedded.history.history import History
from sidelight.embedded.promql.limits import QueryLimits
from sidelight.embedded.rules.definition import parse_groups
from sidelight.embedded.rules.evaluator import RuleGroup
from tests.embedded.history.filled_history import MIB, ScrapedTarget

MORE = ["results truncated due to limit"]
AT = {"time": "1"}
SPAN = {"start": "1", "end": "1", "step": "1"}


@pytest.fixture
def client() -> TestClient:
    """A client of an API over three series with one sample each."""
    history = History(3_600_000, 64 * MIB)
    target = ScrapedTarget(history)
    target.step(1, 'a{n="1"} 1\na{n="2"} 2\na{n="3"} 3\n')
    state = AppState(history, target.metadata, target.exemplars, [])
    return TestClient(Starlette(routes=routes(state)))


def found(client: TestClient, path: str, **asked: str) -> tuple[Any, list[str]]:
    """Return the data and the warnings of a response."""
    answer = client.get(f"/api/v1/{path}", params=asked).json()
    assert answer["status"] == "success", answer
    return answer["data"], answer.get("warnings", [])


@pytest.mark.parametrize(
    ("path", "asked", "size"),
    [
        ("query", {"query": "a", **AT}, 3),
        ("query", {"query": "a[1m]", **AT}, 3),
        ("query_range", {"query": "a", **SPAN}, 3),
        ("series", {"match[]": "a"}, 3),
        ("labels", {}, 4),
        ("label/n/values", {}, 3),
    ],
)
def test_a_limit_truncates_with_a_warning(
    client: TestClient, path: str, asked: dict[str, str], size: int
) -> None:
    """The first results come with Prometheus's warning; if there are no more, without it."""
    whole, _ = found(client, path, **asked)
    rows = whole["result"] if "query" in path else whole
    assert len(rows) == size
    for limit, warnings in ((1, MORE), (size - 1, MORE), (size, []), (0, [])):
        data, told = found(client, path, **asked, limit=str(limit))
        kept = data["result"] if "query" in path else data
        assert (kept, told) == (rows[: limit or size], warnings)


def test_the_state_of_a_rule_is_that_of_its_worst_alert() -> None:
    """A rule with a firing and a pending alert is firing; with a pending one it is pending."""
    listed = [{"alert": "High", "expr": "a > 5", "for": "10s"}]
    (definition,) = parse_groups("f", {"groups": [{"name": "g", "rules": listed}]})
    running, history = RuleGroup(0, definition), History(3_600_000, 64 * MIB)
    target, states = ScrapedTarget(history), []
    for second, values in ((10, (9, 1)), (20, (9, 9)), (30, (1, 9)), (40, (1, 1))):
        target.step(second, f'a{{n="1"}} {values[0]}\na{{n="2"}} {values[1]}\n')
        running.evaluate(history, second * 1000)
        (rule,) = json.loads(rules([running], ApiParameters({}), QueryLimits()).text)["groups"][0][
            "rules"
        ]
        states.append((rule["state"], [alert["state"] for alert in rule["alerts"]]))
    assert states == [
        ("pending", ["pending"]),
        ("firing", ["firing", "pending"]),
        ("firing", ["firing"]),
        ("inactive", []),
    ]


def test_a_limit_does_not_change_scalars(client: TestClient) -> None:
    """A scalar or a string is not truncated."""
    for query in ("1", '"text"'):
        asked = {"query": query, **AT}
        assert found(client, "query", **asked, limit="1") == found(client, "query", **asked)


@pytest.mark.parametrize(
    ("path", "asked", "problem"),
    [
        ("query", {"limit": "-1"}, '"limit": limit must be non-negative'),
        ("query_range", {"limit": "x"}, '"limit": strconv.Atoi: parsing "x": invalid syntax'),
        ("series", {"match[]": "a", "limit": "-1"}, '"limit": limit must be non-negative'),
    ],
)
def test_invalid_parameters_are_refused(
    client: TestClient, path: str, asked: dict[str, str], problem: str
) -> None:
    """A parameter that is invalid is refused by name, never ignored."""
    answer = client.get(f"/api/v1/{path}", params=asked)
    assert (answer.status_code, answer.json()["errorType"]) == (400, "bad_data")
    assert answer.json()["error"].startswith(f"invalid parameter {problem}")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_non_ascii_characters_need_no_encoding(client: TestClient, method: str) -> None:
    """A query may have UTF-8 that is not percent-encoded."""
    text = 'query="é"&time=1'.encode()
    if method == "GET":
        client = TestClient(RawQuery(client.app, text))
        answer = client.get("/api/v1/query")
    else:
        form = {"content-type": "application/x-www-form-urlencoded"}
        answer = client.post("/api/v1/query", content=text, headers=form)
    assert answer.json()["data"]["result"] == [1, "é"]


class RawQuery:
    """Sends these bytes as the query string, which the test client would encode."""

    def __init__(self, app: Any, text: bytes) -> None:
        self.app, self.text = app, text

    async def __call__(self, scope: Any, *others: Any) -> None:
        await self.app({**scope, "query_string": self.text}, *others)


def test_a_client_that_disconnects_is_not_logged(
    client: TestClient, logged: pytest.LogCaptureFixture
) -> None:
    """A client that disconnects before its form has arrived is not logged."""
    form = [(b"content-type", b"application/x-www-form-urlencoded")]
    scope = {"type": "http", "method": "POST", "path": "/api/v1/query", "headers": form}
    sent = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    anyio.run(client.app, scope, receive, send)
    assert sent[0]["status"] == 503
    assert logged.records == []
