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
import runpy
import signal
import socket
import sys
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

PRELOADED = (
    "fastapi",
    "fastapi.responses",
    "fastapi.openapi.docs",
    "sidelight",
    "sidelight.cli",
    "sidelight.cli.sidecar",
    "starlette.middleware.base",
    "uvicorn.main",
    "uvicorn._subprocess",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)
"""None of these changes by its import what Sidelight finds in a process."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU)


class Worker(multiprocessing.context.ForkProcess):
    """A worker of uvicorn that starts with the signal handlers of a new interpreter."""

    def start(self) -> None:
        """Fork; a signal that comes before the handlers are reset is delivered afterwards."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def run(self) -> None:
        """Forget the supervisor's handlers, then do what the worker was made for."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        super().run()


def preload() -> None:
    """Import what servers need; from then on uvicorn forks its workers."""
    for name in PRELOADED:
        with suppress(ImportError):  # an older version has no such module
            importlib.import_module(name)
    uvicorn = importlib.import_module("uvicorn._subprocess")
    uvicorn.spawn = SimpleNamespace(Process=Worker)  # type: ignore[attr-defined]
    gc.collect()
    gc.freeze()


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
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    null = os.open(os.devnull, os.O_RDONLY)
    for number, opened in enumerate((null, log, log)):
        os.dup2(opened, number)
    os.close(log)
    os.close(null)
    sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr]
    sys.path[:1] = ["", *request["env"].get("PYTHONPATH", "").split(os.pathsep)]
    run(*request["command"])


def run(module: str, *arguments: str) -> None:
    """Be ``python -m module``."""
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    preload()
    if sys.argv[1].isdecimal():
        job = serve(socket.socket(fileno=int(sys.argv[1])))
        if job is not None:
            become(job)
    else:
        sys.path[0] = ""
        run(*sys.argv[1:])
