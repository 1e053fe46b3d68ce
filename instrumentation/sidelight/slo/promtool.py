"""The check of rules by Prometheus's own tool, where it is installed."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sidelight.doctor.finding import Finding, fail, ok, warn

TIMEOUT = 60


def check(text: str) -> Iterator[Finding]:
    """Run ``promtool check rules`` on the text of a file of rules."""
    promtool = shutil.which("promtool")
    if promtool is None:
        what = "promtool is not installed: the rules were not checked by Prometheus"
        yield warn(what, "install promtool, which is part of Prometheus")
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rules.yml"
        file.write_text(text, "utf-8")
        yield _run([promtool, "check", "rules", str(file)])


def _run(command: list[str]) -> Finding:
    try:
        done = subprocess.run(  # noqa: S603 a tool on the user's own PATH
            command, capture_output=True, text=True, check=False, timeout=TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return fail(f"promtool did not run: {error}", "promtool --version")
    if done.returncode:
        output = (done.stdout + done.stderr).strip()
        return fail(f"promtool refuses the rules:\n{output}", "report this as a bug of Sidelight")
    return ok("promtool accepts the rules")
