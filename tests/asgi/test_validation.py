"""Validation errors: counted where the schema says they are, and in no word of the client's."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from fastapi import (
    APIRouter,
    Cookie,
    Depends,
    FastAPI,
    File,
    Form,
    Header,
    HTTPException,
    Query,
    Request,
)
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Mount

from sidelight import SidelightMiddleware
from sidelight.asgi import validation
from sidelight.runtime import watching
from tests.asgi.driver import Answer, Page, call, scrape

ERRORS = "fastapi_validation_errors_total"
RESPONSES = "fastapi_response_validation_errors_total"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    bark: int


class Node(BaseModel):
    name: str
    below: "list[Node]" = []


@dataclass
class Box:
    width: int


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sku: str = Field(alias="SKU")
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    either: int | Cat | list[int] = 1
    by_key: dict[int, Cat] = {}
    lines: list[Cat] = []
    pair: tuple[int, Box] | None = None
    tree: Node | None = None
    deep: int = Field(1, validation_alias=AliasPath("outer", "inner", 0))
    chosen: int = Field(1, validation_alias=AliasChoices("first", AliasPath("second", 1)))
    coupon: str = ""

    @field_validator("either", mode="before")
    @classmethod
    def _as_it_is(cls, value: Any) -> Any:
        return value

    @field_validator("coupon")
    @classmethod
    def _known(cls, value: str) -> str:
        if value == "bad":
            raise PydanticCustomError(f"unknown_{value}", "no such coupon")
        if value:
            raise ValueError(value)
        return value


class Filters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    page: int = 1
    per_page: int = 1


def measured(**options: Any) -> FastAPI:
    app = FastAPI(**options)

    @app.post("/orders/{number}")
    def order(
        number: int, order: Order, token: Annotated[int, Header()], visits: Annotated[int, Cookie()]
    ) -> None: ...

    app.add_middleware(SidelightMiddleware, metrics_path="/metrics")
    return app


def post(app: Any, path: str, body: Any, headers: dict[str, str] | None = None) -> Answer:
    """A request with a body of JSON."""
    sent = json.dumps(body).encode()
    return call(
        app,
        "POST",
        path,
        body=sent,
        headers={"content-type": "application/json", **(headers or {})},
    )


def found(page: Page) -> dict[Any, float]:
    """Errors counted, by location and type."""
    return page.by(ERRORS, "location", "type")


GOOD = {"token": "1", "cookie": "visits=1"}


@pytest.mark.parametrize(
    ("body", "location", "kind"),
    [
        ({}, "body.SKU", "missing"),
        ({"SKU": "a", "typo@example.com": 1}, "body.*", "extra_forbidden"),
        ({"SKU": "a", "pet": {"kind": "cat"}}, "body.pet.cat.lives", "missing"),
        ({"SKU": "a", "pet": {"kind": "eve"}}, "body.pet", "union_tag_invalid"),
        ({"SKU": "a", "either": {"kind": "cat"}}, "body.either.Cat.lives", "missing"),
        ({"SKU": "a", "either": ["z"]}, "body.either.*.*", "int_parsing"),
        ({"SKU": "a", "by_key": {"ssn": {"kind": "cat", "lives": 9}}}, "body.by_key.*.*", None),
        ({"SKU": "a", "by_key": {"7": {"kind": "cat"}}}, "body.by_key.*.lives", "missing"),
        ({"SKU": "a", "lines": [{"kind": "cat"}]}, "body.lines.*.lives", "missing"),
        ({"SKU": "a", "pair": [1, {"width": "wide"}]}, "body.pair.*.width", "int_parsing"),
        ({"SKU": "a", "tree": {"name": 1}}, "body.tree.name", "string_type"),
        (
            {"SKU": "a", "tree": {"name": "a", "below": [{"name": 1}]}},
            "body.tree.below.*.name",
            "string_type",
        ),
        ({"SKU": "a", "outer": {"inner": ["x"]}}, "body.outer.inner.*", "int_parsing"),
        ({"SKU": "a", "second": [1, "x"]}, "body.second.*", "int_parsing"),
        ({"SKU": "a", "coupon": "none"}, "body.coupon", "value_error"),
        ({"SKU": "a", "coupon": "bad"}, "body.coupon", "_OTHER"),
        ([1], "body", "model_attributes_type"),
    ],
)
def test_places_in_a_body(body: Any, location: str, kind: str | None) -> None:
    """A location has the names that are declared at its place, and ``*`` for all else."""
    app = measured()
    assert post(app, "/orders/1", body, GOOD).status == 422
    places = found(scrape(app))
    assert location in {place for place, _ in places}
    assert kind is None or places[location, kind] == 1


def test_places_outside_of_a_body() -> None:
    """Path, header and cookie have the names by which a client gives them."""
    app = measured()
    assert call(app, "POST", "/orders/x", headers={"cookie": "visits=x"}).status == 422
    assert found(scrape(app)) == {
        ("path.number", "int_parsing"): 1,
        ("header.token", "missing"): 1,
        ("cookie.visits", "int_parsing"): 1,
        ("body", "missing"): 1,
    }


def test_a_body_that_is_no_json() -> None:
    """The place where the text breaks off is the client's own."""
    app = measured()
    answer = call(
        app,
        "POST",
        "/orders/1",
        body=b'{"a": ',
        headers={"content-type": "application/json", **GOOD},
    )
    assert answer.status == 422
    assert found(scrape(app)) == {("body.*", "json_invalid"): 1}


def test_models_of_parameters_and_forms() -> None:
    """Query-parameter models, form fields and files have their declared names."""
    app = FastAPI()
    app.add_middleware(SidelightMiddleware)

    @app.get("/search")
    def search(filters: Annotated[Filters, Query()]) -> None: ...

    @app.post("/form")
    def form(
        name: Annotated[str, Form()], age: Annotated[int, Form()], scan: Annotated[bytes, File()]
    ) -> None: ...

    @app.post("/model")
    def model(filters: Annotated[Filters, Form()]) -> None: ...

    coded = {"content-type": "application/x-www-form-urlencoded"}
    assert call(app, "GET", "/search?page=x&per_page=y&alice=1").status == 422
    assert call(app, "POST", "/form", body=b"age=x&bob=1", headers=coded).status == 422
    assert call(app, "POST", "/model", body=b"page=x&carol=1", headers=coded).status == 422
    page = scrape(app)
    assert page.by(ERRORS, "http_route", "location", "type") == {
        ("/search", "query.page", "int_parsing"): 1,
        ("/search", "query.per_page", "int_parsing"): 1,
        ("/search", "query.*", "extra_forbidden"): 1,
        ("/form", "body.name", "missing"): 1,
        ("/form", "body.age", "int_parsing"): 1,
        ("/form", "body.scan", "missing"): 1,
        ("/model", "body.page", "int_parsing"): 1,
        ("/model", "body.*", "extra_forbidden"): 1,
    }


def test_parameters_of_dependencies() -> None:
    """They are declared as the route's own are; those of an override are not."""
    app = FastAPI()
    app.add_middleware(SidelightMiddleware)

    def inner(size: int, body: Cat) -> None: ...

    def outer(inner: Annotated[None, Depends(inner)], limit: int) -> None: ...

    def other(unseen: int) -> None: ...

    @app.post("/", dependencies=[Depends(outer)])
    def home() -> None: ...

    assert post(app, "/?limit=x", {"kind": "cat"}).status == 422
    app.dependency_overrides[outer] = other
    assert post(app, "/", {"kind": "cat"}).status == 422
    assert found(scrape(app)) == {
        ("query.size", "missing"): 1,
        ("query.limit", "int_parsing"): 1,
        ("body.lives", "missing"): 1,
        ("query.*", "missing"): 1,
    }


def test_included_routers_and_mounted_applications() -> None:
    """The first request of each is counted by its whole template, also before it was built."""
    router = APIRouter()
    inner, beside = FastAPI(), FastAPI()

    @router.get("/items/{item}")
    @inner.get("/items/{item}")
    @beside.get("/items/{item}")
    def item(item: int) -> None: ...

    app = FastAPI()
    app.include_router(router, prefix="/api")
    app.mount("/t/{tenant}", inner)
    app.router.routes.append(Mount("/beside", app=_hidden(beside)))
    app.add_middleware(SidelightMiddleware)
    for path in ("/t/acme/items/x", "/api/items/x", "/beside/items/x"):
        assert call(app, "GET", path).status == 422
    assert scrape(app).by(ERRORS, "http_route") == {
        "/api/items/{item}": 1,
        "/t/{tenant}/items/{item}": 1,
        "/beside/items/{item}": 1,
    }


def _hidden(app: Any) -> Any:
    """Middleware that is a closure: nobody can see what is behind it."""

    async def passes(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    passes.routes = app.routes  # type: ignore[attr-defined] # an attribute of the test's own
    return passes


def test_an_application_wrapped_from_outside() -> None:
    """The first request counts as well where the application builds its middleware for it."""
    app = FastAPI()

    @app.get("/items/{item}")
    def item(item: int) -> None: ...

    outside = SidelightMiddleware(app)
    assert call(outside, "GET", "/items/x").status == 422
    assert "build_middleware_stack" not in vars(app)
    assert found(scrape(outside)) == {("path.item", "int_parsing"): 1}


def test_behind_middleware_that_runs_the_rest_in_a_task() -> None:
    """Who stands between doesn't matter, nor who is seen through only by a request."""
    app = measured()

    async def passes(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    app.user_middleware.insert(1, _middleware(BaseHTTPMiddleware, dispatch=passes))
    assert post(app, "/orders/1", {}, GOOD).status == 422
    assert found(scrape(app)) == {("body.SKU", "missing"): 1}


def _middleware(cls: Any, **options: Any) -> Any:
    from starlette.middleware import Middleware

    return Middleware(cls, **options)


@pytest.mark.parametrize("awaits", [True, False])
@pytest.mark.parametrize("decorated", [True, False])
def test_handlers_of_the_users_own(*, awaits: bool, decorated: bool) -> None:
    """They run, and see the very exception with everything the client sent."""
    seen: list[RequestValidationError] = []

    def answer(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        seen.append(error)
        return JSONResponse({"own": True}, 400)

    async def answer_async(request: Request, error: Exception) -> JSONResponse:
        return answer(request, error)

    handler: Any = answer_async if awaits else answer
    app = measured(
        **({} if decorated else {"exception_handlers": {RequestValidationError: handler}})
    )
    if decorated:
        app.exception_handler(RequestValidationError)(handler)
    got = post(app, "/orders/1", {"typo": 1}, GOOD)
    assert (got.status, got.text) == (400, '{"own":true}')
    (error,) = seen
    assert error.body == {"typo": 1}
    assert {found["type"] for found in error.errors()} == {"missing", "extra_forbidden"}
    assert app.exception_handlers[RequestValidationError] is handler
    assert found(scrape(app)) == {("body.SKU", "missing"): 1, ("body.*", "extra_forbidden"): 1}


def test_a_handler_for_every_exception() -> None:
    """With one for `Exception` the answer to a wrong request is still FastAPI's, and counted."""

    def answer(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"oh": "no"}, 500)

    app = measured(exception_handlers={Exception: answer})
    assert post(app, "/orders/1", {}, GOOD).status == 422
    assert found(scrape(app)) == {("body.SKU", "missing"): 1}


def test_a_handler_that_raises_again() -> None:
    """It is one error, and the exception that leaves is the very same."""
    seen: list[Exception] = []

    def again(request: Request, error: Exception) -> None:
        seen.append(error)
        raise error

    app = measured(exception_handlers={RequestValidationError: again})
    answer = post(app, "/orders/1", {}, GOOD)
    assert answer.error is seen[0]
    assert all(error is seen[0] for error in seen)
    assert found(scrape(app)) == {("body.SKU", "missing"): 1}


@pytest.mark.parametrize(
    ("errors", "place"),
    [
        ([{"loc": ("body", "secret"), "type": "missing"}], ("body.*", "missing")),
        ([{"loc": ["query", "secret", ["a"]], "type": "secret"}], ("query.*.*", "_OTHER")),
        ([{"loc": ("secret", "x"), "type": {"a": 1}}], ("*", "_OTHER")),
        ([{"loc": (["secret"],)}], ("*", "_OTHER")),
        ([{"loc": 5, "type": "missing"}], ("*", "missing")),
        ([{}], ("*", "_OTHER")),
        (["secret"], ("*", "_OTHER")),
    ],
)
def test_errors_of_the_applications_own_making(errors: Any, place: Any) -> None:
    """Whatever an application puts into the exception, no label shows it."""
    app = FastAPI()
    app.exception_handler(RequestValidationError)(_teapot)
    app.add_middleware(SidelightMiddleware)

    @app.get("/")
    def home() -> None:
        raise RequestValidationError(errors)

    assert call(app).status == 418
    assert found(scrape(app)) == {place: 1}


def _teapot(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({}, 418)


def test_a_route_class_of_the_users_own() -> None:
    """One that makes an `HTTPException` of the error counts as what it was."""

    class Route(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Any]:
            handle = super().get_route_handler()

            async def turned(request: Request) -> Any:
                try:
                    return await handle(request)
                except RequestValidationError as error:
                    raise HTTPException(422, {"errors": len(error.errors())}) from error

            return turned

    app = FastAPI()
    router = APIRouter(route_class=Route)

    @router.get("/items/{item}")
    def item(item: int) -> None:
        if item:
            raise HTTPException(422, "our own rule")

    app.include_router(router)
    app.add_middleware(SidelightMiddleware)
    assert call(app, "GET", "/items/x").text == '{"detail":{"errors":1}}'
    assert call(app, "GET", "/items/1").text == '{"detail":"our own rule"}'
    assert found(scrape(app)) == {("path.item", "int_parsing"): 1}


def test_responses_that_do_not_fit() -> None:
    """They are counted by route, whether a handler answers or the exception goes its way."""

    def answer(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"field": "lives"}, 500)

    for handlers in ({}, {ResponseValidationError: answer}):
        app = FastAPI(exception_handlers=handlers)  # type: ignore[arg-type] # wrong on purpose

        @app.get("/cat", response_model=Cat)
        def cat() -> Any:
            return {"kind": "cat"}

        app.add_middleware(SidelightMiddleware)
        got = call(app, "GET", "/cat")
        assert isinstance(got.error, ResponseValidationError) is not bool(handlers)
        assert scrape(app).by(RESPONSES, "http_route") == {"/cat": 1}


def test_a_flood_of_errors_is_counted_and_not_looked_at() -> None:
    """Past the first hundred of one request, errors have no location."""
    app = measured()
    lines = [{"kind": "cat"}] * 150
    assert post(app, "/orders/1", {"SKU": "a", "lines": lines}, GOOD).status == 422
    assert found(scrape(app)) == {("body.lines.*.lives", "missing"): 100, ("*", "_OTHER"): 50}


def test_a_route_has_a_limited_number_of_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past its cap an error is counted without place and type, and old places go on."""
    monkeypatch.setattr(validation, "MOST_PLACES", 2)
    app = measured()
    tree: dict[str, Any] = {"name": 1}
    for _ in range(5):
        assert post(app, "/orders/1", {"SKU": "a", "tree": tree}, GOOD).status == 422
        tree = {"name": "a", "below": [tree]}
    assert post(app, "/orders/1", {"SKU": "a", "tree": {"name": 1}}, GOOD).status == 422
    assert found(scrape(app)) == {
        ("body.tree.name", "string_type"): 2,
        ("body.tree.below.*.name", "string_type"): 1,
        ("*", "_OTHER"): 3,
    }


class Knot(BaseModel):
    """Contains itself in many ways."""

    inner: "int | list[Knot] | dict[str, Knot] | tuple[Knot, ...] | list[list[Knot]]"
    other: "int | list[Knot] | dict[str, Knot] | tuple[Knot, ...] | list[list[Knot]]"


def test_a_model_that_contains_itself_in_many_ways() -> None:
    """Following a location visits each node of the schema once a part at most."""
    app = FastAPI()
    app.add_middleware(SidelightMiddleware)

    @app.post("/")
    def home(knot: Knot) -> None: ...

    knot: Any = "x"
    for _ in range(6):
        knot = {"inner": [{"inner": knot, "other": 1}], "other": 1}
        knot = knot["inner"][0]
    assert post(app, "/", {"inner": {"secret": {"inner": [knot]}}, "other": 1}).status == 422
    page = scrape(app)
    assert found(page)
    assert "secret" not in page.text


def test_a_location_has_a_limited_depth() -> None:
    """A model that contains itself makes no location longer than a few parts."""
    app = measured()
    tree: dict[str, Any] = {"name": 1}
    for _ in range(30):
        tree = {"name": "a", "below": [tree]}
    assert post(app, "/orders/1", {"SKU": "a", "tree": tree}, GOOD).status == 422
    ((place, _),) = found(scrape(app))
    assert place == "body.tree.below.*.below.*.below.*.below.*"


NAMES = {"body", "path", "header", "cookie", "number", "token", "visits"} | {
    name for model in (Cat, Dog, Node, Order) for name in [*model.model_fields, model.__name__]
}
NAMES |= {"SKU", "outer", "inner", "first", "second", "width", "cat", "dog", "*"}
TYPED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8) | st.sampled_from(sorted(NAMES)), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from([*Order.model_fields, "SKU", "outer"]), TYPED, max_size=5),
    st.dictionaries(st.text(min_size=1, max_size=8), TYPED, max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_nothing_a_client_types_becomes_a_label(known: Any, unknown: Any) -> None:
    """Whatever the body, locations are made of declared names, and types are pydantic's."""
    body = {**unknown, **known, "alice@example.com": 1}
    answer = post(ANY, "/orders/1", body, GOOD)
    assert answer.status == 422, answer.text
    page = scrape(ANY)
    for place, kind in found(page):
        assert set(place.split(".")) <= NAMES, place
        assert re.fullmatch(r"[a-z_]+|_OTHER", kind), kind
    assert "alice" not in page.text


ANY = measured()


def without() -> Iterator[tuple[FastAPI, FastAPI]]:
    """Applications as they are, and the same ones measured."""
    plain, with_sidelight = measured(), measured()
    plain.user_middleware.clear()
    yield plain, with_sidelight


@pytest.mark.parametrize("body", [{}, {"SKU": "a", "lines": [{"kind": "x"}]}, [1]])
def test_answers_and_openapi_stay_as_they_are(body: Any) -> None:
    """Answer and OpenAPI document are those of the application without Sidelight."""
    for plain, ours in without():
        one, other = post(plain, "/orders/x", body), post(ours, "/orders/x", body)
        assert (one.status, one.body, one.headers) == (other.status, other.body, other.headers)
        assert plain.openapi() == ours.openapi()


def test_the_shop_keeps_its_openapi(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example's document is the same before and after it was measured."""
    folder = Path(__file__).parent.parent.parent / "examples" / "shop"
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(watching, "_watched", {})  # the shop's pools, of which others import more
    before = set(sys.modules)
    try:
        app = __import__("app").app
        document = json.dumps(app.openapi())
        assert call(app, "POST", "/orders", body=b"{").status in {404, 405, 422}
        app.openapi_schema = None
        assert json.dumps(app.openapi()) == document
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]
