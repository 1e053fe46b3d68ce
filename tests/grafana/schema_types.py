"""Dashboards as TypeScript, which the types of @grafana/schema are checked against."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.grafana.drawing import PACKAGES
from tests.grafana.names import every_panel

TYPES: Final = Path(__file__).with_name("types")
KINDS: Final = {"bargauge": "BarGauge", "timeseries": "TimeSeries"}
"""How the schema writes the kinds of panel whose names have two words."""
WITH_FIELDS: Final = {"heatmap", "table", "timeseries"}
"""The kinds of panel that have options of their own for each field."""
CONFIG: Final = {
    "strict": True,
    "noEmit": True,
    "skipLibCheck": True,
    "module": "preserve",
    "moduleResolution": "bundler",
    "types": [],
}


def errors(boards: Sequence[Mapping[str, Any]], package: str, where: Path) -> list[str]:
    """What the types of a version of @grafana/schema do not allow, by panel."""
    for board in boards:
        for name, text in _files(board):
            (where / f"{name}.ts").write_text(text)
    for path in TYPES.glob("*.ts"):
        (where / path.name).write_bytes(path.read_bytes())
    modules = PACKAGES / "node_modules"
    paths = {
        "@grafana/schema": [f"{modules}/{package}/dist/types", f"{modules}/{package}/dist/esm"],
        "@grafana/schema/*": [f"{modules}/{package}/*"],
    }
    config = {"compilerOptions": {**CONFIG, "paths": paths}, "include": ["*.ts"]}
    (where / "tsconfig.json").write_text(json.dumps(config))
    command = ("node", modules / "typescript/bin/tsc", "-p", where)
    said = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert said.returncode in {0, 1, 2}, said.stderr
    return [_short(line) for line in said.stdout.splitlines() if "error TS" in line]


def _short(line: str) -> str:
    """A panel and what is wrong there, without the type that it is not."""
    path, _, message = line.partition(".ts(")
    said, *_ = re.split(" in type | is not assignable", message.partition(": ")[2])
    return f"{Path(path).name}: {said}"


def _files(board: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A file for each panel, and one for the rest of the dashboard."""
    uid = board["uid"]
    rest = {key: value for key, value in board.items() if key != "panels"}
    yield uid, _typed("Rest", "", rest)
    for panel in every_panel(board):
        name = f"{uid}.{panel['id']}.{re.sub('[^A-Za-z0-9]+', '-', panel['title'])}"
        if panel["type"] == "row":
            row = {key: value for key, value in panel.items() if key != "panels"}
            yield name, _typed("Row", "", row)
        else:
            yield name, _typed(*_panel(panel["type"]), panel)


def _panel(kind: str) -> tuple[str, str]:
    named = KINDS.get(kind, kind.capitalize())
    path = f"@grafana/schema/dist/esm/raw/composable/{kind}/panelcfg/x/{named}PanelCfg_types.gen"
    fields = f"{named}.FieldConfig" if kind in WITH_FIELDS else "Record<string, never>"
    return f"Panel<{named}.Options, {fields}>", f"import type * as {named} from '{path}';\n"


def _typed(name: str, more: str, value: Mapping[str, Any]) -> str:
    """An export whose type allows nothing that the schema does not name."""
    imported = f"import {{ type {name.partition('<')[0]} }} from './saved';\n{more}"
    return f"{imported}export const saved: {name} = {json.dumps(value, indent=1)};\n"
