"""Words in place of numbers."""

from grafana_foundation_sdk.builders import text
from grafana_foundation_sdk.models.text import TextMode

from dashboards.panels.queries import DATASOURCE, Shown


def note(title: str, description: str, content: str) -> Shown:
    """Words: what is missing, and where to look."""
    panel = text.Panel().title(title).description(description).datasource(DATASOURCE)
    return panel.mode(TextMode.MARKDOWN).content(content)
