"""Write dashboards/json: `python -m dashboards`."""

import importlib
import json
from pathlib import Path
from typing import Final

from dashboards.builder import TITLES, uid

JSON: Final = Path(__file__).parent / "json"


def made() -> dict[Path, str]:
    """Every generated file and its text."""
    found = {}
    for stem in TITLES:
        dashboard = importlib.import_module(f"dashboards.{stem}").DASHBOARD
        text = json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"
        found[JSON / f"{uid(stem)}.json"] = text
    return found


def main() -> None:
    """Write the files, and remove those that are no longer generated."""
    files = made()
    JSON.mkdir(parents=True, exist_ok=True)
    for path in JSON.iterdir():
        if path not in files:
            path.unlink()
    for path, text in files.items():
        path.write_text(text)


if __name__ == "__main__":
    main()
