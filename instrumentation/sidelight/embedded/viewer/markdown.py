"""Markdown as HTML: text panels, and the runbooks that the package contains."""

import re
from typing import Final

import markdown2

from sidelight import packaged

ALERT_NAME: Final = re.compile(r"\w+", re.ASCII)
RUNBOOK_LINK: Final = re.compile(r"\[([^\]]*)\]\((\w+)\.md\)")
DOCS_LINK: Final = re.compile(r"\[([^\]]*)\]\((?!/|https?:)[^)]*\)")


def to_html(text: str) -> str:
    """Markdown as HTML. HTML tags in the markdown are shown as text."""
    html: str = markdown2.markdown(
        text, safe_mode="escape", extras=["tables", "fenced-code-blocks", "cuddled-lists"]
    )
    return str(html)


def runbook(alert: str) -> str | None:
    """The markdown of an alert's runbook; None if the package has none."""
    if ALERT_NAME.fullmatch(alert) is None:
        return None
    path = packaged.folder("runbooks") / f"{alert}.md"
    return path.read_text("utf-8") if path.is_file() else None


def runbook_html(alert: str) -> str:
    """An alert's runbook as HTML; empty if the package has none.

    A link to another runbook opens that alert. Of a link to another page of the docs, only the
    text is kept.
    """
    text = RUNBOOK_LINK.sub(r"[\1](/alerts?open=\2)", runbook(alert) or "")
    return to_html(DOCS_LINK.sub(r"\1", text)) if text else ""
