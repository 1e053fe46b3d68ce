"""Programs of packages of a newer Debian suite, where `.ci/newer PACKAGE forky` unpacks them."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUITE = "forky"


def unpacked(package: str, program: str = "") -> Path:
    """Where a program of a package is, if it was unpacked."""
    return ROOT / ".cache" / f"{package}-{SUITE}" / "usr" / "bin" / (program or package)


def newer(package: str, program: str = "") -> str:
    """A program of a package, or a skipped test."""
    found = unpacked(package, program)
    if not found.exists():
        pytest.skip(f"{found.name} is not there: .ci/newer {package} {SUITE}")
    return str(found)
