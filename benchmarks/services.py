"""The services that contenders are measured with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI, Response

Endpoint = Callable[..., Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Service:
    """Routes in included routers, and the measured route."""

    name: str
    text: str
    route: str
    fill: Callable[[FastAPI], None]

    @property
    def path(self) -> str:
        """The measured route with its parameter filled in."""
        return self.route.replace("{item_id}", "7")


def paths(routers: int, routes: int) -> list[str]:
    """The templates of a service, in the order in which the router tries them."""
    return [f"/r{r}/items{i}/{{item_id}}" for r in range(routers) for i in range(routes)]


def _item() -> Endpoint:
    async def item(item_id: int) -> dict[str, int]:
        return {"item_id": item_id}

    return item


def _item_with_status() -> Endpoint:
    async def item(item_id: int, response: Response, status: int = 200) -> dict[str, int]:
        response.status_code = status
        return {"item_id": item_id}

    return item


def _shared_item() -> Endpoint:
    return _ITEM


def _service(
    name: str,
    text: str,
    shape: tuple[int, int],
    measured: int,
    endpoint: Callable[[], Endpoint] = _item,
) -> Service:
    def fill(app: FastAPI) -> None:
        include(app, shape, endpoint)

    return Service(name, text, paths(*shape)[measured - 1], fill)


def include(app: FastAPI, shape: tuple[int, int], endpoint: Callable[[], Endpoint]) -> None:
    """Add routers by ``include_router``, as large services do."""
    routers, routes = shape
    for r in range(routers):
        router = APIRouter()
        for i in range(routes):
            router.add_api_route(f"/items{i}/{{item_id}}", endpoint(), methods=["GET"])
        app.include_router(router, prefix=f"/r{r}")


def fill_with_statuses(app: FastAPI, shape: tuple[int, int]) -> None:
    """Add routes whose status is a query parameter."""
    include(app, shape, _item_with_status)


_ITEM = _item()
ONE = _service("one", "1 route in 1 included router", (1, 1), measured=1)
MANY = _service(
    "many",
    "200 routes in 20 included routers, measured at place 100 of 200",
    (20, 10),
    measured=100,
)
SHARED = _service(
    "shared",
    "as above, and all 200 routes share one endpoint function",
    (20, 10),
    measured=100,
    endpoint=_shared_item,
)
SERVICES = {service.name: service for service in (ONE, MANY, SHARED)}
