"""How many series the rules record for a service: the factors of ``docs/scale.md``."""

from typing import Any

import pytest

pytest.importorskip("numpy", reason="the extra history is not installed")

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from sidelight import SidelightMiddleware
from sidelight.embedded.history.history import History
from sidelight.embedded.rules.definition import parse_groups
from sidelight.embedded.rules.evaluator import RuleGroup
from sidelight.slo import rules
from sidelight.slo.context import RuleContext
from sidelight.slo.objectives import default
from tests.asgi.driver import call
from tests.deploy.arithmetic import (
    RECORDED_OBJECTIVE,
    RECORDED_OTHER,
    RECORDED_REST,
    RECORDED_USED,
)
from tests.embedded.history.filled_history import MIB, ScrapedTarget, stored_samples

STATUSES = (200, 404, 500)
WAITED = (
    'fastapi_request_queue_seconds_sum{{http_request_method="GET",http_route="/used{}/{{status}}"}}'
    " 1\n"
)
"""On the page of a route whose requests have waited for the event loop."""


def service(used: int, other: int) -> FastAPI:
    """Routes that return three statuses, and other routes without requests."""
    app = FastAPI(openapi_url=None)

    def answer(status: int) -> PlainTextResponse:
        return PlainTextResponse("", status)

    for number in range(used):
        app.get(f"/used{number}/{{status}}")(answer)
    for number in range(other):
        app.get(f"/other{number}")(answer)
    app.add_middleware(SidelightMiddleware)
    return app


def recorded(used: int, other: int) -> int:
    """The number of recorded series of the service, without those by instance."""
    app, history = service(used, other), History(3_600_000, 64 * MIB)
    target = ScrapedTarget(history)
    listed: dict[str, Any] = {"groups": rules.groups(RuleContext(default()))}
    running = [RuleGroup(place, one) for place, one in enumerate(parse_groups("rules", listed))]
    for second in (60, 120, 180):
        for number in range(used):
            for status in STATUSES:
                assert call(app, "GET", f"/used{number}/{status}").status == status
        waits = "".join(map(WAITED.format, range(used)))
        target.step(second, waits, call(app, "GET", "/metrics").body)
        for group in running:
            group.evaluate(history, second * 1000 + 500)
    names = [series.partition("{")[0] for series in stored_samples(history)]
    return len([name for name in names if ":" in name and not name.startswith("instance")])


def test_series_that_the_rules_record() -> None:
    """A used route, another one, an objective and the rest have the series that the page states."""
    one = recorded(1, 0)
    assert one == RECORDED_USED + RECORDED_OBJECTIVE + RECORDED_REST
    assert recorded(2, 0) - one == RECORDED_USED
    assert recorded(1, 1) - one == RECORDED_OTHER
