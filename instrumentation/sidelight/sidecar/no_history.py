"""What the API's addresses answer where there is no history."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sidelight.sidecar.settings import HISTORY_EXTRA


def routes(*, wanted: bool) -> list[BaseRoute]:
    """Every address below ``/api/v1``; ``wanted`` unless ``--history 0`` was given."""
    why = f"it needs {HISTORY_EXTRA}" if wanted else "it is turned off by --history 0"

    async def off(_: Request) -> Response:
        error = f"this sidecar keeps no history: {why}"
        return JSONResponse({"status": "error", "errorType": "unavailable", "error": error}, 501)

    return [Route("/api/v1/{path:path}", off, methods=["GET", "POST"])]
