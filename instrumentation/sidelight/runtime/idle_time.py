"""How long an event loop has waited for something to do, as a counter that only grows.

Wall time less idle time is how long a loop was busy, the waits for the GIL and for a processor
included. asyncio's loop is idle inside of its selector's ``select``, uvloop's inside of libuv's
poll, which counts that itself (``UV_METRICS_IDLE_TIME``).
"""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sidelight.contract import NANOSECONDS

METRICS_IDLE_TIME = 1
"""``UV_METRICS_IDLE_TIME`` of libuv's ``uv_loop_option``."""


class IdleTime(NamedTuple):
    """The idle time of one loop, in ns, which only code on that loop may read.

    Native code has it from ``word``, or calls ``function`` with ``handle``; both are addresses.
    """

    read: Callable[[], int]
    word: memoryview | None = None
    function: int = 0
    handle: int = 0


_known: "WeakKeyDictionary[Any, IdleTime]" = WeakKeyDictionary()


def idle_time(loop: Any) -> IdleTime | None:
    """The idle time of a loop; None where the loop doesn't tell. Never raises.

    Called again for the same loop, it is the same counter.
    """
    try:
        found = _known.get(loop)
        if found is None and isinstance(loop, asyncio.AbstractEventLoop):
            selector = getattr(loop, "_selector", None)
            found = _of_libuv(loop) if selector is None else _of_selector(selector)
            _known[loop] = found
    except Exception:  # noqa: BLE001 a loop of another kind, or a version that differs
        return None
    return found


def _of_selector(selector: Any) -> IdleTime:
    """Measure each call of ``select`` from now on.

    A wait counts at most as its timeout: it returns late where other threads keep the GIL, which
    is no idleness.
    """
    word = memoryview(bytearray(8)).cast("q")
    select, clock = selector.select, time.monotonic_ns

    def measured(timeout: float | None = None) -> Any:
        if timeout is not None and timeout <= 0:
            return select(timeout)
        start = clock()
        events = select(timeout)
        waited = clock() - start
        word[0] += waited if timeout is None else min(waited, int(timeout * NANOSECONDS))
        return events

    selector.select = measured
    return IdleTime(lambda: word[0], word)


def _of_libuv(loop: Any) -> IdleTime:
    import ctypes  # noqa: PLC0415 some builds of Python lack it

    module: Any = sys.modules[f"{type(loop).__module__.partition('.')[0]}.loop"]
    library = ctypes.PyDLL(module.__file__)
    pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi)
    )
    handle = pointer(module.libuv_get_loop_t_ptr(loop), None)
    configure, read = library.uv_loop_configure, library.uv_metrics_idle_time
    configure.argtypes = ctypes.c_void_p, ctypes.c_int
    read.argtypes, read.restype = (ctypes.c_void_p,), ctypes.c_uint64
    if configure(handle, METRICS_IDLE_TIME):
        raise OSError("libuv does not measure its idle time")
    address = ctypes.cast(read, ctypes.c_void_p).value or 0
    return IdleTime(lambda: int(read(handle)), None, address, handle)
