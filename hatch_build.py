"""Compiles the native fast path into the wheel, or says why the wheel has none.

SIDELIGHT_NATIVE=0 leaves it out, and SIDELIGHT_NATIVE=1 makes it an error where it can't be
compiled. Otherwise an install never fails for want of a compiler: without one, the wheel has no
extension, and requests are measured in Python.
"""

import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension
from setuptools.command.build_ext import build_ext

SOURCE = Path("instrumentation/native/fastpath.c")
PACKAGE = Path("instrumentation/sidelight")
BUILT = "_fastpath.*"


class NativeFastPath(BuildHookInterface):  # type: ignore[type-arg] # not generic at run time
    """Adds ``sidelight/_fastpath.*`` to a wheel, or to the folder of an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, before the files of the wheel are collected."""
        wanted = os.environ.get("SIDELIGHT_NATIVE", "")
        if wanted not in {"", "0", "1"}:
            raise ValueError(f"SIDELIGHT_NATIVE={wanted!r}: use SIDELIGHT_NATIVE=0 or 1, or none")
        package = Path(self.root) / PACKAGE
        if version == "editable":
            (package / f"_fastpath{sysconfig.get_config_var('EXT_SUFFIX')}").unlink(missing_ok=True)
        if wanted == "0":
            return
        try:
            built = compile_extension(Path(self.root) / SOURCE)
        except BaseException as error:  # setuptools raises SystemExit, too
            if wanted == "1" or isinstance(error, KeyboardInterrupt):
                raise
            self.app.display_warning(f"sidelight: no native fast path, Python instead: {error}")
            return
        if version == "editable":
            shutil.copy(built, package)
        else:
            build_data["force_include"][str(built)] = f"sidelight/{built.name}"
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def compile_extension(source: Path) -> Path:
    """The compiled module, in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="sidelight-build-"))
    extension = Extension("_fastpath", [str(source)], extra_compile_args=flags())
    command = build_ext(Distribution({"name": "sidelight", "ext_modules": [extension]}))
    command.build_lib, command.build_temp = str(folder), str(folder / "objects")
    command.ensure_finalized()
    command.run()
    return next(folder.glob(BUILT))


def flags() -> list[str]:
    """What the compiler is told beside Python's own flags."""
    return [] if sys.platform == "win32" else ["-std=c11", "-O2", "-fvisibility=hidden"]
