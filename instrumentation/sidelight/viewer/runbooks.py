"""The runbooks as they are shipped: docs/runbooks, put into the wheel."""

import re
from pathlib import Path
from typing import Final

PLACES: Final = (
    Path(__file__).parents[1] / "runbooks",
    Path(__file__).parents[3] / "docs" / "runbooks",  # of a checkout that is installed editable
)
NAME: Final = re.compile(r"\w+", re.ASCII)


def runbook(alert: str) -> str | None:
    """The markdown of an alert's runbook; None where it has none of ours."""
    if NAME.fullmatch(alert):
        for place in PLACES:
            if (path := place / f"{alert}.md").is_file():
                return path.read_text("utf-8")
    return None
