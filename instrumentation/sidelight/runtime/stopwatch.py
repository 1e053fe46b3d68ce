"""Wrappers that measure a callable, and that FastAPI treats as it treats the callable."""

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from functools import wraps
from time import monotonic_ns
from types import FunctionType
from typing import Any

from sidelight.contract import METRICS
from sidelight.runtime import instruments

DEPENDENCY = METRICS["fastapi_dependency_duration_seconds"]
SETUP = "setup"
TEARDOWN = "teardown"


class Stopwatch:
    """Measures the steps of one dependency."""

    def __init__(self, label: str) -> None:
        self._label = label

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure one step, also if it raises."""
        start = monotonic_ns()
        try:
            yield
        finally:
            instruments.observe(DEPENDENCY, (self._label, name), monotonic_ns() - start)

    def setup(self) -> Any:
        """Measure the step before the dependency is available."""
        return self.step(SETUP)

    def teardown(self) -> Any:
        """Measure the step after the dependency was used."""
        return self.step(TEARDOWN)

    async def waited(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Await a coroutine, and measure it as setup."""
        with self.setup():
            return await coroutine


def wrap(function: Callable[..., Any], watch: Stopwatch) -> Callable[..., Any]:
    """A callable of the same kind and signature, measured."""
    if inspect.isasyncgenfunction(function):
        wrapper: Callable[..., Any] = _async_generator(function, watch)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(function, watch)
    elif inspect.iscoroutinefunction(function):
        wrapper = _coroutine(function, watch)
    else:
        wrapper = _function(function, watch)
    return wraps(function)(_at_home(wrapper, function))


def wrap_for(cls: type, method: Callable[..., Any], watch: Stopwatch) -> Callable[..., Any]:
    """A constructor that is measured when it is this class's, and not a derived one's."""
    measured = wrap(method, watch)

    def construct(this: Any, *args: Any, **options: Any) -> Any:
        own = this is cls or type(this) is cls
        return (measured if own else method)(this, *args, **options)

    return wraps(method)(_at_home(construct, method))


def _at_home(wrapper: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """A wrapper whose global names are those of the wrapped function.

    Old versions of FastAPI, such as 0.115, look up annotations that are strings there. So a
    wrapper uses no global names, only those in its closure.
    """
    home = getattr(inspect.unwrap(function), "__globals__", None)
    if home is None:
        return wrapper  # type: ignore[no-any-return] # it has the type of what it wraps
    return FunctionType(wrapper.__code__, home, closure=wrapper.__closure__)


def _function(function: Callable[..., Any], watch: Stopwatch) -> Callable[..., Any]:
    waits = inspect.iscoroutine

    def timed(*args: Any, **options: Any) -> Any:
        with watch.setup():
            result = function(*args, **options)
        return watch.waited(result) if waits(result) else result

    return timed


def _coroutine(function: Callable[..., Any], watch: Stopwatch) -> Callable[..., Any]:
    async def timed(*args: Any, **options: Any) -> Any:
        with watch.setup():
            return await function(*args, **options)

    return timed


def _generator(function: Callable[..., Any], watch: Stopwatch) -> Callable[..., Any]:
    steps = _Steps

    def timed(*args: Any, **options: Any) -> Generator[Any, Any, Any]:
        return (yield from steps(function(*args, **options), watch))

    return timed


def _async_generator(
    function: Callable[..., AsyncGenerator[Any, Any]], watch: Stopwatch
) -> Callable[..., Any]:
    async def timed(*args: Any, **options: Any) -> AsyncIterator[Any]:
        steps = function(*args, **options)
        try:
            with watch.setup():
                value = await steps.__anext__()
            while True:
                try:
                    sent = yield value
                except GeneratorExit:
                    with watch.teardown():
                        await steps.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 it is the generator's to handle
                    with watch.teardown():
                        value = await steps.athrow(error)
                else:
                    with watch.teardown():
                        value = await steps.asend(sent)
        except StopAsyncIteration:
            return

    return timed


class _Steps(Generator[Any, Any, Any]):
    """A generator whose first step is setup, and every further one teardown."""

    def __init__(self, steps: Generator[Any, Any, Any], watch: Stopwatch) -> None:
        self._steps = steps
        self._watch = watch
        self._step = SETUP

    def send(self, value: Any, /) -> Any:
        with self._next():
            return self._steps.send(value)

    def throw(self, *error: Any) -> Any:
        with self._next():
            return self._steps.throw(*error)

    def close(self) -> None:
        with self._next():
            self._steps.close()

    def _next(self) -> Any:
        step, self._step = self._step, TEARDOWN
        return self._watch.step(step)
