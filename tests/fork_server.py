"""A program that has imported the servers, and starts each one by a fork of itself.

Most of a test server's cost is the import of FastAPI, in the supervisor and in each worker.
Here it is paid once for each pytest process. uvicorn's workers are forked too, where uvicorn
itself starts a new interpreter for each.

    python fork_server.py DESCRIPTOR      requests of `tests.processes` come through this socket
    python fork_server.py MODULE ARG...   runs one server, in place of `python -m MODULE ARG...`
"""

import gc
import importlib
import json
import multiprocessing.context
import os
import pkgutil
import runpy
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

PRELOADED = (
    "anyio._backends._asyncio",
    "fastapi.openapi.docs",
    "fastapi.responses",
    "fastapi.telemetry._runtime",
    "pydantic.v1",
    "starlette.middleware.base",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.main",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
    "uvloop",
    "yaml",
)
OURS = "asgi", "cli", "export", "runtime", "serving", "sidecar", "slo", "store", "embedded"
NOT_OURS = "sidelight.embedded.viewer", "sidelight.embedded.demo", "sidelight.store.cleanup"
"""Modules that few servers need, and one that is a program."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU)


class Worker(multiprocessing.context.ForkProcess):
    """A worker of uvicorn that starts with the signal handlers of a new interpreter."""

    def start(self) -> None:
        """Fork; a signal that comes before the handlers are reset is delivered afterwards."""
        uvicorn: Any = self._kwargs["target"].__self__  # type: ignore[attr-defined] # what uvicorn has inside
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        # uvicorn keeps the worker's end of the pipe by which it asks whether the worker lives, so
        # that it waits for the answer of one that is killed meanwhile until its patience ends.
        uvicorn.child_conn.close()

    def run(self) -> None:
        """Forget the supervisor's handlers, then do what the worker was made for."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        super().run()


def preload() -> None:
    """Import what servers need; from then on uvicorn forks its workers."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # a process with threads is not to be forked
    for name in [*PRELOADED, *ours()]:
        with suppress(ImportError):  # what the oldest versions have not, no test starts there
            importlib.import_module(name)
    fork_workers()
    gc.collect()
    gc.freeze()


def ours() -> Iterator[str]:
    """Sidelight's modules."""
    for room in OURS:
        try:
            package = importlib.import_module(f"sidelight.{room}")
        except ImportError:
            continue
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.", id):
            if not module.name.startswith(NOT_OURS):
                yield module.name


def fork_workers() -> None:
    """Have uvicorn fork its workers."""
    uvicorn = importlib.import_module("uvicorn._subprocess")
    uvicorn.spawn = SimpleNamespace(Process=Worker)  # type: ignore[attr-defined] # what uvicorn has inside


def serve(requests: socket.socket) -> dict[str, Any] | None:
    """Answer requests until their end. In a forked child: what it is to run."""
    for text in requests.makefile("r"):
        request = json.loads(text)
        if "reap" in request:
            _, status = os.waitpid(request["reap"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                requests.close()
                return dict(request)
        requests.sendall(b"%d\n" % answer)
    return None


def become(request: dict[str, Any]) -> None:
    """Take on the environment, the folder and the output of the process to be."""
    os.setsid()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    log = opened(request["log"])
    errors = opened(request["errors"]) if request["errors"] else log
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, fd in enumerate((nothing, log, errors)):
        os.dup2(fd, number)
    for fd in {nothing, log, errors}:
        os.close(fd)
    sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr] # it is a text file here
    sys.path[:1] = ["", *request["env"].get("PYTHONPATH", "").split(os.pathsep)]
    run(*request["command"])


def opened(path: str) -> int:
    """A descriptor to write to a new file."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)


def run(module: str, *arguments: str) -> None:
    """Be ``python -m module``."""
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if sys.argv[1].isdecimal():
        preload()
        job = serve(socket.socket(fileno=int(sys.argv[1])))
        if job is not None:
            become(job)
    else:
        fork_workers()
        sys.path[0] = ""
        run(*sys.argv[1:])
