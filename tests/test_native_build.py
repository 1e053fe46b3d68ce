"""The wheel has the native fast path where a compiler is, and says so where none is."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = [
    "pyproject.toml",
    "hatch_build.py",
    "README.md",
    "LICENSE",
    ".gitignore",
    "instrumentation",
    "dashboards/json",
    "docs/runbooks",
    "examples/shop",
]
BUILD = "import sys; from hatchling import build; build.{}(sys.argv[1])"
STALE = f"_fastpath.{sys.implementation.cache_tag}-x86_64-linux-gnu.so"

pytestmark = [
    pytest.mark.newest,
    pytest.mark.skipif(not (ROOT / "hatch_build.py").exists(), reason="not in a source tree"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler is installed"),
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A fresh copy of what a wheel is made of."""
    copy = tmp_path / "tree"
    unwanted = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")
    for part in PARTS:
        (copy / part).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, copy / part, ignore=unwanted)
        else:
            shutil.copy(ROOT / part, copy / part)
    return copy


def build(tree: Path, kind: str = "build_wheel", **env: str) -> subprocess.CompletedProcess[str]:
    """Build with hatchling, as pip does; ``env`` has SIDELIGHT_NATIVE and CC."""
    clean = {key: v for key, v in os.environ.items() if key not in {"SIDELIGHT_NATIVE", "CC"}}
    return subprocess.run(
        [sys.executable, "-c", BUILD.format(kind), str(tree / "dist")],
        cwd=tree,
        env={**clean, **env},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def wheel(tree: Path) -> tuple[str, list[str]]:
    """The tag of the one wheel that was built, and the compiled files in it."""
    (found,) = (tree / "dist").glob("*.whl")
    names = zipfile.ZipFile(found).namelist()
    assert "sidelight/data/dashboards/sidelight-fleet.json" in names
    return found.stem.split("-", 2)[2], [name for name in names if name.endswith((".so", ".c"))]


def test_with_a_compiler_the_wheel_is_of_its_platform(tree: Path) -> None:
    """It has the extension, and its tag names the interpreter and the platform."""
    done = build(tree, SIDELIGHT_NATIVE="1")
    assert done.returncode == 0, done.stderr
    tag, compiled = wheel(tree)
    interpreter = sys.implementation.cache_tag.replace("cpython-", "cp")
    assert tag.startswith(f"{interpreter}-{interpreter}-")
    assert tag.split("-")[2] != "any"
    assert len(compiled) == 1
    assert compiled[0].startswith("sidelight/_fastpath.")


def test_without_a_compiler_the_wheel_is_pure_and_says_so(tree: Path) -> None:
    """A missing compiler never fails an install: it is a message, and a wheel for all."""
    (tree / "instrumentation" / "sidelight" / STALE).write_bytes(b"stale")
    done = build(tree, CC="/bin/false")
    assert done.returncode == 0, done.stderr
    assert "sidelight: no native fast path, Python instead: " in done.stdout + done.stderr
    assert wheel(tree) == ("py3-none-any", [])


def test_what_is_demanded_and_can_not_be_compiled_fails(tree: Path) -> None:
    """SIDELIGHT_NATIVE=1 is for a release, which must not be slow by mistake."""
    done = build(tree, SIDELIGHT_NATIVE="1", CC="/bin/false")
    assert done.returncode != 0
    assert not list((tree / "dist").glob("*.whl"))


def test_a_pure_wheel_on_demand(tree: Path) -> None:
    """SIDELIGHT_NATIVE=0 compiles nothing, and packs nothing that an earlier build has left."""
    (tree / "instrumentation" / "sidelight" / STALE).write_bytes(b"stale")
    done = build(tree, SIDELIGHT_NATIVE="0")
    assert done.returncode == 0, done.stderr
    assert wheel(tree) == ("py3-none-any", [])


def test_an_editable_install_compiles_in_place(tree: Path) -> None:
    """What is imported is beside its source; one that is pure removes it again."""
    package = tree / "instrumentation" / "sidelight"
    assert build(tree, "build_editable").returncode == 0
    (compiled,) = package.glob("_fastpath.*.so")
    assert compiled.stat().st_size > 10_000
    shutil.rmtree(tree / "dist")
    assert build(tree, "build_editable", SIDELIGHT_NATIVE="0").returncode == 0
    assert not list(package.glob("_fastpath.*.so"))


def test_a_wrong_value_is_named(tree: Path) -> None:
    """The error has the variable, what was given, and an example."""
    done = build(tree, SIDELIGHT_NATIVE="yes")
    assert done.returncode != 0
    expected = "SIDELIGHT_NATIVE='yes': use SIDELIGHT_NATIVE=0 or 1, or none"
    assert done.stderr.strip().endswith(expected)


def test_a_source_archive_can_be_compiled(tree: Path) -> None:
    """It has the C source and the build hook, and nothing compiled."""
    (tree / "instrumentation" / "sidelight" / STALE).write_bytes(b"stale")
    for folder in ("dashboards", "docs", "tests"):
        (tree / folder).mkdir(exist_ok=True)
    assert build(tree, "build_sdist").returncode == 0
    (archive,) = (tree / "dist").glob("*.tar.gz")
    shutil.unpack_archive(archive, tree / "unpacked", filter="data")
    (unpacked,) = (tree / "unpacked").iterdir()
    assert not list(unpacked.rglob("*.so"))
    assert build(unpacked, SIDELIGHT_NATIVE="1").returncode == 0
    assert len(wheel(unpacked)[1]) == 1
