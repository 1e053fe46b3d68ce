"""The options of Grafana that the dashboards use, and the first version that has each.

``grafana_options.json`` was made from the JSON schemas of grafana-foundation-sdk, which has a
branch for each version from 10.1 to 11.6, and its main branch for 12; ``10.1`` is 10.1 or older.
"""

import json
from pathlib import Path

from tests.dashboards.reading import ROOT, dashboards, panels

SINCE: dict[str, dict[str, str]] = json.loads(
    Path(__file__).with_name("grafana_options.json").read_text()
)
LEAST = (10, 4)
LATER = {
    ("bargauge", "legend"): {"showLegend": False},
    ("heatmap", "selectionMode"): "x",
    ("stat", "percentChangeColorMode"): "standard",
}
"""Options of later versions that grafana-foundation-sdk writes; each value is the default."""


def version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def test_every_option_is_known_to_the_least_version() -> None:
    """Each option of each panel is in the schema of 10.4, or is the default of a later version."""
    for board in dashboards():
        for panel in panels(board):
            kind = panel["type"]
            for name, value in panel["options"].items():
                if version(SINCE[kind][name]) > LEAST:
                    wanted = LATER[kind, name]
                    found = {k: value[k] for k in wanted} if isinstance(wanted, dict) else value
                    assert found == wanted, (panel["title"], name)
            for name in panel.get("fieldConfig", {}).get("defaults", {}).get("custom", {}):
                assert version(SINCE[kind][f"custom.{name}"]) <= LEAST, (panel["title"], name)


def test_every_listed_option_is_used() -> None:
    """The list of options has no panel type and no later option that is unused."""
    used = {
        (p["type"], name) for board in dashboards() for p in panels(board) for name in p["options"]
    }
    assert set(SINCE) == {kind for kind, _ in used}
    assert set(LATER) <= used


def test_the_page_states_the_schema_version() -> None:
    """docs/dashboards.md states the schema version of the files and the versions of Grafana."""
    page = (ROOT / "docs" / "dashboards.md").read_text()
    (schema,) = {board["schemaVersion"] for board in dashboards()}
    assert f"`schemaVersion` {schema}" in page
    assert "10.4 to 13" in page
