"""The fast path in the native extension, and what it calls where a request is uncommon.

`fast_path` is the reference: the extension does the same for common requests.
"""

from collections.abc import Callable
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sidelight.asgi.awaiting import wait_for
from sidelight.asgi.client_connection import arrival, client_left
from sidelight.asgi.fast_path import PythonCalls, RequestState
from sidelight.asgi.request import NOTICEABLE
from sidelight.asgi.request_keys import RequestKey
from sidelight.extension import extension
from sidelight.runtime.faults import OF_PROCESS
from sidelight.runtime.origin import ORIGIN


def promote(  # noqa: PLR0913, PLR0917 all that the extension knows of a request
    key: RequestKey,
    scope: Scope,
    receive: Receive,
    send: Send,
    slot: int | None,
    since: int,
    status: int,
    start_message: Message,
    body: int,
) -> RequestState:
    """A request that goes on in Python, since something about it is uncommon."""
    state = RequestState()
    state.key = key
    state.scope = scope
    state.server_receive = receive
    state.server_send = send
    state.slot = slot
    state.since = since
    state.status = status
    state.start_message = start_message
    state.extra = None
    if body:
        state.set_extra().body = body
    return state


def conclude(state: RequestState, error: BaseException | None) -> None:
    """The application has returned, or raised."""
    if error is not None or state.slot is not None or monotonic_ns() - state.since >= NOTICEABLE:
        state.end(error)


def note(key: RequestKey | None, where: str, error: BaseException) -> None:
    """A fault of the extension's own."""
    faults = OF_PROCESS if key is None else key.recorder.faults
    try:
        raise error  # noqa: TRY301 the fault that is handled is the one that is noted
    except BaseException:  # noqa: BLE001 whatever it is, it must not reach the request
        faults.note(where)


if TYPE_CHECKING or extension is None:
    Calls = PythonCalls
else:

    class Calls(extension.Middleware):
        """Calls of an application, measured natively if they are common."""

        def prepare(
            self, app: ASGIApp, keys: dict[str, RequestKey], dispatch: Callable[..., Any]
        ) -> None:
            """Set what a call needs.

            ``__call__`` of the object itself is a coroutine function, as servers expect when
            they look whether an application speaks ASGI 3; a call takes the type's.
            """
            python = PythonCalls()
            python.prepare(app, keys, dispatch)
            self.__call__ = python.__call__
            super().prepare(
                app,
                keys,
                python.__call__,
                promote,
                conclude,
                note,
                wait_for,
                client_left,
                arrival,
                ORIGIN,
            )
