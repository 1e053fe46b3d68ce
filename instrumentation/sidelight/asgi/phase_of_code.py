"""Which phase a request is in, by the functions of FastAPI that run for it.

Their names are those of FastAPI from 0.115 on. While none of them runs, a request is in no phase.
"""

from collections.abc import Sequence
from types import CodeType, FrameType
from typing import Any

from sidelight.asgi.code_lines import LOOP_CODES, package_of
from sidelight.asgi.phases import BODY, DEPENDENCIES, ENDPOINT, SERIALIZATION, THREAD_WAIT
from sidelight.runtime.await_link import code_of
from sidelight.runtime.await_tree import AwaitTree

FUNCTIONS = {
    "stream": ("starlette", "Request.stream", BODY),
    "solve_dependencies": ("fastapi", "solve_dependencies", DEPENDENCIES),
    "run_endpoint_function": ("fastapi", "run_endpoint_function", ENDPOINT),
    "serialize_response": ("fastapi", "serialize_response", SERIALIZATION),
}
"""The package, the qualified name and the phase of a function, by its name."""
RUN_IN_THREAD = "run_in_threadpool"
"""What FastAPI calls for a plain ``def``, and nothing between."""
ACQUIRE = "acquire_on_behalf_of"
"""Where AnyIO waits until a thread is free."""


def phase_of(tree: AwaitTree) -> str:
    """The phase of a request that waits; empty where it is in none."""
    found = [(phase, link) for link in tree.links if (phase := _phase(code_of(link)))]
    if not found:  # a middleware may run the rest of the application in a task of a group
        return next(filter(None, map(phase_of, tree.children())), "")
    phase = _main([phase for phase, _ in found])
    waits = phase == ENDPOINT and _waits_for_thread(found[0][1], tree.links)
    return THREAD_WAIT if waits else phase


def phase_of_stack(frame: FrameType | None) -> str:
    """The phase of a request whose step runs on the event loop; empty where it is in none."""
    found = []
    while frame is not None and frame.f_code not in LOOP_CODES:
        found.append(_phase(frame.f_code))
        frame = frame.f_back
    return _main([phase for phase in reversed(found) if phase])


def _phase(code: CodeType | None) -> str:
    """The phase of a function; empty of others."""
    if code is None or code.co_name not in FUNCTIONS:
        return ""
    package, name, phase = FUNCTIONS[code.co_name]
    return phase if code.co_qualname == name and package_of(code.co_filename) == package else ""


def _main(phases: Sequence[str]) -> str:
    """The phase of functions inside of each other, the outermost first.

    One within another is of an application that was called from this request. Waiting for the
    body is no time of the function that reads it.
    """
    return BODY if BODY in phases else next(iter(phases), "")


def _waits_for_thread(endpoint: Any, links: Sequence[Any]) -> bool:
    """Whether an endpoint is a plain ``def`` that has no thread yet."""
    if _name(endpoint.cr_await) != RUN_IN_THREAD:
        return False
    return any(_name(each) == ACQUIRE for each in links)


def _name(link: Any) -> str:
    code = code_of(link)
    return "" if code is None else code.co_name
