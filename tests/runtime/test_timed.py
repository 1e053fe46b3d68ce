"""`@timed` measures a dependency, and changes nothing else of it."""

# ruff: noqa: B008, FAST002 annotations are text here, and these dependencies are local names

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, assert_type

import pytest
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer

import sidelight
from sidelight import SidelightMiddleware, timed
from sidelight.cardinality import CardinalityLimiter
from sidelight.runtime import timed as module
from tests.asgi.driver import Answer, Page, call, scrape

SECONDS = "fastapi_dependency_duration_seconds"
HERE = __name__


def measured() -> FastAPI:
    app = FastAPI()
    app.add_middleware(SidelightMiddleware)
    return app


def counts(page: Page) -> dict[Any, float]:
    return page.by(f"{SECONDS}_count", "dependency", "step")


EVENTS: list[str] = []


def one() -> int:
    return 1


async def one_async(number: int = 1) -> int:
    return number


def one_generated(number: Annotated[int, Depends(one)]) -> Iterator[int]:
    EVENTS.append("setup")
    try:
        yield number
    except LookupError as error:
        EVENTS.append(type(error).__name__)
        raise HTTPException(404) from error
    finally:
        EVENTS.append("teardown")


async def one_generated_async(number: int = 1) -> AsyncIterator[int]:
    EVENTS.append("setup")
    try:
        yield number
    except LookupError as error:
        EVENTS.append(type(error).__name__)
        raise HTTPException(404) from error
    finally:
        EVENTS.append("teardown")


class Made:
    def __init__(self, number: int = 1) -> None:
        self.number = number


@dataclass
class MadeData:
    number: int = 1


class Callable:
    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, more: int = 0) -> int:
        return self.number + more


class CallableAsync(Callable):
    async def __call__(self, more: int = 0) -> int:  # type: ignore[override] # a dependency's own parameters
        return self.number + more


class CallableGenerator(Callable):
    def __call__(self, more: int = 0) -> Iterator[int]:  # type: ignore[override] # a dependency's own parameters
        yield self.number + more


@dataclass(frozen=True)
class CallableFrozen:
    number: int

    def __call__(self, more: int = 0) -> int:
        return self.number + more


class CallableSlots:
    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, more: int = 0) -> int:
        return self.number + more


class Service:
    def number(self, more: int = 0) -> int:
        return 1 + more


KINDS: dict[str, Any] = {
    "function": lambda: one,
    "async": lambda: one_async,
    "generator": lambda: one_generated,
    "async generator": lambda: one_generated_async,
    "class": lambda: type("Made", (Made,), {"__init__": _copied(Made.__init__)}),
    "dataclass": lambda: dataclass(type("MadeData", (), dict(MadeData.__dict__))),
    "tuple": lambda: namedtuple("MadeTuple", ["number"], defaults=[1]),  # noqa: PYI024 a named tuple of this kind is a dependency too
    "instance": lambda: Callable(1),
    "async instance": lambda: CallableAsync(1),
    "generator instance": lambda: CallableGenerator(1),
    "frozen instance": lambda: CallableFrozen(1),
    "slotted instance": lambda: CallableSlots(1),
    "method": lambda: Service().number,
    "partial": lambda: functools.partial(one_async, number=5),
    "lambda": lambda: lambda number=3: number,
}


def _copied(function: Any) -> Any:
    return type(function)(function.__code__, function.__globals__, argdefs=function.__defaults__)


@pytest.mark.parametrize("kind", KINDS)
def test_fastapi_reads_the_same_of_a_measured_dependency(kind: str) -> None:
    """The signature, the kind and the OpenAPI document are those of the dependency itself."""
    plain = KINDS[kind]()
    signature = str(inspect.signature(plain))
    schema = _schema(plain)
    marked = timed(plain)
    assert str(inspect.signature(marked)) == signature
    for ask in (
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
        inspect.isclass,
    ):
        assert ask(marked) == ask(plain)
        assert ask(getattr(marked, "__call__", None)) == ask(getattr(plain, "__call__", None))  # noqa: B004 the method is what is compared
    assert _schema(marked) == schema


def _schema(dependency: Any) -> Any:
    app = FastAPI()

    @app.get("/")
    def home(value: Any = Depends(dependency)) -> None: ...

    return app.openapi()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_measured(kind: str) -> None:
    """Each kind of dependency returns its own value, and its time is recorded."""
    app = measured()
    marked = timed(name=kind)(KINDS[kind]())
    seen = []

    @app.get("/")
    async def home(value: Any = Depends(marked)) -> None:
        seen.append(value)

    assert call(app).status == 200
    (value,) = seen
    assert getattr(value, "number", value) in {1, 3, 5}
    steps = {"setup", "teardown"} if "generator" in kind else {"setup"}
    assert counts(scrape(app)) == {(kind, step): 1 for step in steps}


def test_an_instance_and_a_class_are_not_replaced() -> None:
    """The returned object is the given one, with the same kind and attributes."""
    plain = CallableFrozen(7)
    marked = timed(plain)
    assert marked is plain
    assert isinstance(marked, CallableFrozen)
    assert (marked(), marked.number, repr(marked)) == (7, 7, "CallableFrozen(number=7)")
    assert copy.deepcopy(marked)() == 7
    assert CallableFrozen(1).__class__ is CallableFrozen

    class Base:
        def __init__(self) -> None:
            self.base = True

    assert timed(name="base")(Base) is Base

    class Derived(Base): ...

    app = measured()

    @app.get("/")
    def home(base: Base = Depends(Base), derived: Base = Depends(Derived)) -> bool:
        return base.base and derived.base

    assert call(app).text == "true"
    assert counts(scrape(app)) == {("base", "setup"): 1}


def test_a_security_scheme_is_still_one() -> None:
    """FastAPI finds a measured security scheme for the OpenAPI document."""
    scheme, plain = timed(OAuth2PasswordBearer("token")), OAuth2PasswordBearer("token")
    assert "security" in str(_schema(scheme))
    assert _schema(scheme) == _schema(plain)


@pytest.mark.parametrize("kind", ["generator", "async generator"])
def test_setup_and_teardown(kind: str) -> None:
    """Setup and teardown are two steps; an endpoint's exception is raised at the ``yield``."""
    for error, status in ((None, 200), (LookupError, 404), (RuntimeError, None)):
        stories = []
        for mark in (timed, _same):
            EVENTS.clear()
            app = measured()
            answer = _asked(app, mark(KINDS[kind]()), error)
            stories.append(([*EVENTS], [m["type"] for m in answer.sent], repr(answer.error)))
            if mark is timed:
                name = f"{HERE}.one_generated{'_async' if 'async' in kind else ''}"
                assert counts(scrape(app)) == {(name, "setup"): 1, (name, "teardown"): 1}
        assert stories[0] == stories[1]
        assert status is None or answer.status == status
        assert stories[0][0][-1] == "teardown"


def _same(dependency: Any) -> Any:
    return dependency


def _asked(app: FastAPI, dependency: Any, error: type[Exception] | None) -> Answer:
    @app.get("/")
    async def home(value: Any = Depends(dependency)) -> None:
        EVENTS.append("endpoint")
        if error:
            raise error

    return call(app)


def test_a_wait_is_in_its_step() -> None:
    """Setup has the time before the yield, teardown the time after it, neither the endpoint's."""
    clock = []

    @timed(name="steps")
    async def steps() -> AsyncIterator[None]:
        await asyncio.sleep(0.3)
        yield
        await asyncio.sleep(0.1)

    app = measured()

    @app.get("/")
    async def home(value: None = Depends(steps)) -> None:
        clock.append(time.perf_counter())
        await asyncio.sleep(0.5)
        clock.append(time.perf_counter())

    clock.append(time.perf_counter())
    assert call(app).status == 200
    clock.append(time.perf_counter())
    asked, began, ended, answered = clock
    page = scrape(app)
    setup = page.value(f"{SECONDS}_sum", dependency="steps", step="setup")
    teardown = page.value(f"{SECONDS}_sum", dependency="steps", step="teardown")
    assert 0.3 <= setup <= began - asked
    assert 0.1 <= teardown <= answered - ended


@pytest.mark.parametrize("failing", ["setup", "call"])
def test_an_exception_of_a_dependency_is_its_own(failing: str) -> None:
    """An exception is passed on unchanged, and the time until then is recorded."""
    raised = LookupError("none")

    def setup() -> Iterator[None]:
        if raised.args:
            raise raised
        yield

    async def calls() -> None:
        raise raised

    app = measured()
    dependency = timed(name="fails")(setup if failing == "setup" else calls)

    @app.get("/")
    def home(value: Any = Depends(dependency)) -> None: ...

    assert call(app).error is raised
    assert counts(scrape(app)) == {("fails", "setup"): 1}


def test_overrides_and_the_cache_of_a_request() -> None:
    """A marked dependency is opened once in a request, and can be overridden by its name."""
    opened: list[int] = []

    @timed(name="db")
    def db() -> Iterator[int]:
        opened.append(1)
        yield len(opened)

    @timed(name="user")
    def user(session: int = Depends(db)) -> int:
        return session

    app = measured()

    @app.get("/")
    def home(a: int = Depends(db), b: int = Depends(user), c: int = Depends(db)) -> list[int]:
        return [a, b, c]

    assert call(app).text == "[1,1,1]"
    assert len(opened) == 1
    app.dependency_overrides[db] = lambda: 9
    assert call(app).text == "[9,9,9]"
    assert counts(scrape(app)) == {
        ("db", "setup"): 1,
        ("db", "teardown"): 1,
        ("user", "setup"): 2,
    }


@timed
def resolved_late(number: Annotated[Later, Depends(one)]) -> int:
    return number


Later = int


def test_annotations_that_are_text() -> None:
    """Annotations that are strings are resolved in the dependency's module, also late ones."""
    app = measured()

    @app.get("/")
    def home(value: int = Depends(resolved_late)) -> int:
        return value

    assert call(app).text == "1"
    assert counts(scrape(app)) == {(f"{HERE}.resolved_late", "setup"): 1}


def test_a_generator_keeps_its_methods() -> None:
    """Values sent, exceptions thrown, and a close go to the generator itself."""

    def talk() -> Iterator[Any]:
        heard = yield "first"
        try:
            yield heard
        except KeyError:
            yield "caught"

    makers: list[Any] = [talk, timed(name="talk")(talk)]
    for make in makers:
        steps = make()
        assert next(steps) == "first"
        assert steps.send("hello") == "hello"
        assert steps.throw(KeyError()) == "caught"
        steps.close()
        assert list(steps) == []


def test_an_asynchronous_generator_keeps_its_methods() -> None:
    """Values sent, exceptions thrown, and a close reach an asynchronous generator itself."""

    async def talk() -> AsyncIterator[Any]:
        heard = yield "first"
        try:
            yield heard
        except KeyError:
            yield "caught"

    async def body(make: Any) -> None:
        steps = make()
        assert await anext(steps) == "first"
        assert await steps.asend("hello") == "hello"
        assert await steps.athrow(KeyError()) == "caught"
        await steps.aclose()
        assert [value async for value in steps] == []

    for make in (talk, timed(name="talk")(talk)):
        asyncio.run(body(make))


def test_a_wrapped_coroutine_function_is_awaited() -> None:
    """A function that returns a coroutine is measured until the coroutine ends."""

    def waits() -> Any:
        return one_async(2)

    marked = timed(name="waits")(waits)
    assert asyncio.run(marked()) == 2


def test_names_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the limit of names a dependency is `_OTHER`."""
    label = CardinalityLimiter(module.MOST_NAMES)
    for number in range(module.MOST_NAMES):
        label(f"n{number}")
    monkeypatch.setattr(module, "_label", label)
    app = measured()
    few, many = timed(name="n5")(_copied(one)), timed(name="new")(_copied(one))

    @app.get("/")
    def home(a: int = Depends(few), b: int = Depends(many)) -> int:
        return a + b

    assert call(app).text == "2"
    assert counts(scrape(app)) == {("n5", "setup"): 1, ("_OTHER", "setup"): 1}


def test_turned_off_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With SIDELIGHT_DISABLED the dependency is returned as it is."""
    monkeypatch.setenv("SIDELIGHT_DISABLED", "1")
    assert timed(one) is one
    assert timed(name="one")(one) is one


def test_types_stay() -> None:
    """A type checker sees the dependency's own type, and a call its value."""
    assert assert_type(timed(one)(), int) == 1
    assert assert_type(timed(name="one")(one)(), int) == 1
    assert assert_type(timed(Callable(1)).number, int) == 1


def test_it_is_public_and_loaded_when_asked_for() -> None:
    """`sidelight.timed` is a public name whose module is imported only when it is used."""
    assert "timed" in sidelight.__all__
    code = "import sys, sidelight; print('sidelight.runtime.timed' in sys.modules); sidelight.timed"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"
