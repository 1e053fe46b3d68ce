"""The addresses of the API."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sidelight.embedded.api import (
    alerts,
    answers,
    catalogue,
    exemplars,
    parameters,
    queries,
    status,
)
from sidelight.embedded.api.answers import Data
from sidelight.embedded.api.desk import SECONDS, Desk
from sidelight.embedded.api.parameters import Parameters
from sidelight.embedded.history.exemplars import Exemplars
from sidelight.embedded.history.families import Families
from sidelight.embedded.history.history import History
from sidelight.embedded.promql.errors import QueryError
from sidelight.embedded.promql.limits import Limits
from sidelight.embedded.rules.running import RunningGroup

logger = logging.getLogger("sidelight.sidecar")

BOTH = ["GET", "POST"]
Work = Callable[[Parameters, Limits], Data]


@dataclass(frozen=True, slots=True)
class Shelf:
    """What can be asked about."""

    history: History
    families: Families
    exemplars: Exemplars
    groups: Sequence[RunningGroup]


def routes(shelf: Shelf) -> list[BaseRoute]:
    """Every address."""
    desk, history = Desk(), shelf.history

    def route(path: str, methods: list[str], work: Work) -> Route:
        async def endpoint(request: Request) -> Response:
            return await _answered(desk, request, work)

        return Route(f"/api/v1/{path}", endpoint, methods=methods)

    async def values(request: Request) -> Response:
        name: str = request.path_params["name"]
        return await _answered(desk, request, partial(catalogue.values, history, name))

    return [
        route("query", BOTH, partial(queries.instant, history)),
        route("query_range", BOTH, partial(queries.over_range, history)),
        route("query_exemplars", BOTH, partial(exemplars.exemplars, shelf.exemplars)),
        route("series", BOTH, partial(catalogue.series, history)),
        route("labels", BOTH, partial(catalogue.labels, history)),
        Route("/api/v1/label/{name}/values", values),
        route("metadata", ["GET"], lambda asked, _: catalogue.metadata(shelf.families, asked)),
        route("rules", ["GET"], lambda asked, _: alerts.rules(shelf.groups, asked)),
        route("alerts", ["GET"], lambda *_: alerts.alerts(shelf.groups)),
        route("status/buildinfo", ["GET"], lambda *_: status.buildinfo()),
    ]


async def _answered(desk: Desk, request: Request, work: Work) -> Response:
    try:
        asked = await parameters.read(request)
        seconds = asked.duration("timeout") / 1000 if asked.text("timeout") else SECONDS
        return answers.answer(await desk.run(partial(work, asked), seconds))
    except QueryError as error:
        return answers.refused(error)
    except ClientDisconnect:
        return answers.refusal("canceled", "the client has gone")
    except Exception:
        logger.exception("fault in an answer of the API")
        return answers.refusal("internal", "a fault of the sidecar's; its log says which")
