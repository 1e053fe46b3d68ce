"""Prometheus's own judge of rules, where it is installed."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sidelight.doctor.finding import Finding, fail, ok, warn

SECONDS = 60


def check(text: str) -> Iterator[Finding]:
    """Give rules, as Prometheus reads them, to ``promtool check rules``."""
    promtool = shutil.which("promtool")
    if promtool is None:
        yield warn("promtool is not installed: nobody but us has read the rules", "see prometheus")
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rules.yml"
        file.write_text(text, "utf-8")
        yield _run([promtool, "check", "rules", str(file)])


def _run(command: list[str]) -> Finding:
    try:
        done = subprocess.run(  # noqa: S603 a tool on the user's own PATH
            command, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return fail(f"promtool did not run: {error}", "promtool --version")
    said = (done.stdout + done.stderr).strip()
    if done.returncode:
        return fail(f"promtool refuses the rules:\n{said}", "report it: this is our fault")
    return ok("promtool accepts the rules")
