"""A place in the code, as OpenTelemetry's attributes ``code.*`` have it."""

from functools import lru_cache
from types import CodeType, FrameType
from typing import NamedTuple

from sidelight.asgi.code_lines import frames_on_loop, is_own
from sidelight.contract import OTHER

is_own_file = lru_cache(4096)(is_own)


class CodePlace(NamedTuple):
    """A function with its module, its file, and a line of it; empty where it is not known."""

    function: str = ""
    path: str = ""
    line: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line} in {self.function}" if self.path else ""


OTHER_PLACE = CodePlace(OTHER, OTHER, OTHER)


def place_of(frame: FrameType) -> CodePlace:
    """Where a frame is now."""
    return _place(frame.f_code, frame.f_lineno, module_of(frame))


def module_of(frame: FrameType) -> str:
    """The name of the module that a frame's code is of; empty where it says none."""
    name = frame.f_globals.get("__name__")
    return name if type(name) is str else ""


def first_line_of(code: CodeType, module: object) -> CodePlace:
    """Where a function begins."""
    return _place(code, code.co_firstlineno, module if type(module) is str else "")


def _place(code: CodeType, line: int, module: str) -> CodePlace:
    path = relative_path(code.co_filename, module)
    function = ".".join(filter(None, (module, code.co_qualname)))
    return CodePlace(function, path, str(line))


@lru_cache(4096)
def relative_path(path: str, module: str) -> str:
    """A file from the folder on that its module is imported from, which may be a home directory.

    Only the file's name where the module is another.
    """
    parts = path.replace("\\", "/").split("/")
    packages = [*module.split("."), "__init__"] if parts[-1] == "__init__.py" else module.split(".")
    below = parts[-len(packages) :]
    return "/".join(below) if "/".join(below) == "/".join(packages) + ".py" else parts[-1]


def innermost_own(
    frame: FrameType | None, home: frozenset[str]
) -> tuple[FrameType, FrameType | None] | None:
    """The innermost frame of the application's code in a stack, and the one that it called."""
    called = None
    for each in frames_on_loop(frame):
        if is_own_file(each.f_code.co_filename, home):
            return each, called
        called = each
    return None
