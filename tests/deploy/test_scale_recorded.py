"""How many series our rules make of a service: the factors of ``docs/scale.md``."""

from typing import Any

import pytest

pytest.importorskip("numpy")
pytest.importorskip("promql_parser")

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from sidelight import SidelightMiddleware
from sidelight.embedded.history.history import History
from sidelight.embedded.rules.definition import groups
from sidelight.embedded.rules.running import RunningGroup
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
from tests.embedded.history.remembered import MIB, Sampled, found

STATUSES = (200, 404, 500)


def service(used: int, other: int) -> FastAPI:
    """Routes that are asked for three statuses, and others that are never asked for."""
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
    """Series of the service that its rules record, without those by instance."""
    app, history = service(used, other), History(3_600_000, 64 * MIB)
    target = Sampled(history)
    listed: dict[str, Any] = {"groups": rules.groups(RuleContext(default()))}
    running = [RunningGroup(place, one) for place, one in enumerate(groups("rules", listed))]
    for second in (60, 120, 180):
        for number in range(used):
            for status in STATUSES:
                assert call(app, "GET", f"/used{number}/{status}").status == status
        target.step(second, call(app, "GET", "/metrics").body)
        for group in running:
            group.evaluate(history, second * 1000 + 500)
    names = [series.partition("{")[0] for series in found(history)]
    return len([name for name in names if ":" in name and not name.startswith("instance")])


def test_series_that_the_rules_record() -> None:
    """A route in use, another one, an objective and the rest make as many as the page says."""
    one = recorded(1, 0)
    assert one == RECORDED_USED + RECORDED_OBJECTIVE + RECORDED_REST
    assert recorded(2, 0) - one == RECORDED_USED
    assert recorded(1, 1) - one == RECORDED_OTHER
