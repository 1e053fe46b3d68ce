"""The runbook of an alert, as it is packaged."""

import re
from typing import Final

from sidelight import packaged

NAME: Final = re.compile(r"\w+", re.ASCII)


def runbook(alert: str) -> str | None:
    """The markdown of an alert's runbook; None where it has none of ours."""
    if NAME.fullmatch(alert) is None:
        return None
    path = packaged.folder("runbooks") / f"{alert}.md"
    return path.read_text("utf-8") if path.is_file() else None
