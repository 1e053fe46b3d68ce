"""Finds the supervisor of this process, which is how the workers of one server find each other.

It knows how uvicorn, granian, hypercorn and gunicorn start their workers. These servers do not
promise to keep that, so where anything is missing, the process counts as alone, without an error.
"""

import hashlib
import multiprocessing
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

# The module of the function a worker process was started with.
_WORKER_MODULES = {
    "uvicorn._subprocess": "uvicorn",
    "granian.server.mp": "granian",
    "hypercorn.asyncio.run": "hypercorn",
    "hypercorn.trio.run": "hypercorn",
}

_orphaned = False


def orphan() -> None:
    """Mark this process as forked from a worker: it is none, despite what it has inherited."""
    global _orphaned  # noqa: PLW0603 state of the process
    _orphaned = True


def group() -> str | None:
    """A name shared by exactly the workers of this process's server; None when alone.

    ``uvicorn-1234-567890-4026531836-9f86d081``: server, the supervisor's pid and start time,
    its PID namespace, and a digest of the listening address.
    """
    server, address = _spawned() or _forked() or ("", "")
    if not server or _orphaned:
        return None
    pid = os.getppid()
    where = hashlib.sha256(address.encode()).hexdigest()[:8]
    return f"{server}-{pid}-{start_time(pid)}-{_pid_namespace()}-{where}"


def server() -> str:
    """The server's name; the empty string where it is not known."""
    found = _spawned() or _forked()
    if found:
        return found[0]
    return next((name for name in ("uvicorn", "granian", "hypercorn") if name in sys.modules), "")


def _spawned() -> tuple[str, str] | None:
    """Server and address of a worker that multiprocessing started, as all but gunicorn do."""
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid != os.getppid():
        return None
    process: Any = multiprocessing.current_process()
    target = getattr(process, "_target", None)
    name = _WORKER_MODULES.get(getattr(target, "__module__", ""))
    if name is None:
        return None
    sockets: Any = getattr(process, "_kwargs", {}).get("sockets") or ()
    with suppress(Exception):
        if name == "hypercorn":
            sockets = [*sockets.secure_sockets, *sockets.insecure_sockets]
        return name, " ".join(str(socket.getsockname()) for socket in sockets)
    return name, ""


def _forked() -> tuple[str, str] | None:
    """The same of a worker that gunicorn's arbiter forked; all its workers share its addresses."""
    arbiter = "gunicorn.arbiter" in sys.modules
    if arbiter and os.environ.get("SERVER_SOFTWARE", "").startswith("gunicorn"):
        return "gunicorn", ""
    return None


def is_running(group: str) -> bool | None:
    """Whether the supervisor of a group runs; None where it is in another PID namespace.

    A name that no group has counts as one that runs.
    """
    try:
        _, pid, started, namespace, _ = group.split("-")
        number = int(pid)
    except ValueError:
        return True
    if namespace != _pid_namespace():
        return None
    return start_time(number) == started if started else _exists(number)


def start_time(pid: int) -> str:
    """The kernel's start time of a process in clock ticks; empty when there is no process."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()[19]
    return ""


def _pid_namespace() -> str:
    with suppress(OSError):
        return "".join(filter(str.isdigit, os.readlink("/proc/self/ns/pid")))
    return ""


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
