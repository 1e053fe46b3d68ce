"""Whose worker this process is: how the workers of one server find each other.

Knows how uvicorn, granian and gunicorn start their workers. Nothing here is a public
interface of theirs, so whatever is missing means "alone", never an error.
"""

import hashlib
import multiprocessing
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

# The module of the function a worker process was started with.
_WORKER_MODULES = {"uvicorn._subprocess": "uvicorn", "granian.server.mp": "granian"}


_orphaned = False


def orphan() -> None:
    """This process was forked from a worker: it is none, whatever it has inherited."""
    global _orphaned  # noqa: PLW0603 a fact of the process
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
    """The server's name as far as it can be told, else the empty string."""
    found = _spawned() or _forked()
    if found:
        return found[0]
    return next((name for name in ("uvicorn", "granian", "hypercorn") if name in sys.modules), "")


def _spawned() -> tuple[str, str] | None:
    """Of uvicorn and granian, which start workers through multiprocessing."""
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid != os.getppid():
        return None
    process: Any = multiprocessing.current_process()
    target = getattr(process, "_target", None)
    name = _WORKER_MODULES.get(getattr(target, "__module__", ""))
    if name is None:
        return None
    sockets = getattr(process, "_kwargs", {}).get("sockets") or ()
    with suppress(Exception):
        return name, " ".join(str(socket.getsockname()) for socket in sockets)
    return name, ""


def _forked() -> tuple[str, str] | None:
    """Of gunicorn, which forks its workers from an arbiter, which has one set of addresses."""
    arbiter = "gunicorn.arbiter" in sys.modules
    if arbiter and os.environ.get("SERVER_SOFTWARE", "").startswith("gunicorn"):
        return "gunicorn", ""
    return None


def alive(group: str) -> bool:
    """Whether the supervisor of a group runs; True where that can't be told from here."""
    try:
        _, pid, started, namespace, _ = group.split("-")
        number = int(pid)
    except ValueError:
        return True
    if namespace != _pid_namespace():
        return True
    return start_time(number) == started if started else _answers(number)


def start_time(pid: int) -> str:
    """The kernel's start time of a process in clock ticks; empty when there is none."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return ""


def _pid_namespace() -> str:
    with suppress(OSError):
        return "".join(filter(str.isdigit, os.readlink("/proc/self/ns/pid")))
    return ""


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
