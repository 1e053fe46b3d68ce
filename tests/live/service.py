"""The service that live tests run on real servers. Settings come from the environment."""

import asyncio
import ctypes
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import StreamingResponse

from sidelight import SidelightMiddleware

app = FastAPI()
app.add_middleware(SidelightMiddleware)


@app.get("/pid")
async def pid() -> int:
    return os.getpid()


@app.get("/items/{item_id}")
async def read(item_id: int) -> int:
    return item_id


@app.post("/items", status_code=201)
async def make() -> str:
    return "made"


@app.delete("/items/{item_id}")
def remove(item_id: int) -> int:
    return item_id


@app.get("/missing")
async def missing() -> None:
    raise HTTPException(404)


@app.get("/boom")
async def boom() -> Response:
    return Response("broken", 500)


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def pieces() -> AsyncIterator[str]:
        for number in range(3):
            await asyncio.sleep(0)
            yield f"{number}\n"

    return StreamingResponse(pieces())


@app.get("/hold/{seconds}")
async def hold(seconds: float) -> int:
    await asyncio.sleep(seconds)
    return os.getpid()


@app.get("/block")
async def block() -> int:
    sys.stderr.write(f"blocked at {time.monotonic()}\n")
    os.close(os.open(os.environ["HOLD"], os.O_RDONLY))  # until the test opens it too
    return os.getpid()


@app.get("/hold-gil")
async def hold_gil() -> int:
    sys.stderr.write(f"blocked at {time.monotonic()}\n")
    opened = ctypes.PyDLL(None).open  # with the GIL: no thread runs
    os.close(opened(os.environb[b"HOLD"], os.O_RDONLY))
    return os.getpid()


async def _serve_once(path: str) -> int:
    """Ask this very application, as a server in this process would."""
    messages: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": None,
        "server": None,
    }
    await app(scope, receive, send)
    status: int = messages[0]["status"]
    return status


def _in_child(kind: str) -> int:
    """What a forked child does: an exit code."""
    if kind == "records":
        # The loop of the parent can't be used here; an own one can.
        asyncio.events._set_running_loop(None)
        statuses = [asyncio.new_event_loop().run_until_complete(_serve_once("/items/1"))]
        return 0 if statuses == [200] else 1
    if kind == "lives":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        time.sleep(120)
    return 0


@app.post("/fork/{kind}")
async def fork(kind: str) -> dict[str, int]:
    """Fork. ``nothing`` and ``records`` are waited for, ``lives`` goes on alone."""
    child = os.fork()
    if child == 0:
        code = 3
        try:
            code = _in_child(kind)
        except BaseException as error:  # noqa: BLE001 whatever it is, the child ends here
            sys.stderr.write(f"child: {error!r}\n")
        finally:
            os._exit(code)
    if kind == "lives":
        return {"child": child, "parent": os.getpid(), "code": 0}
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    return {"child": child, "parent": os.getpid(), "code": os.waitstatus_to_exitcode(status)}
