"""The docs say what is true: settings, metrics, code and links."""

import re
import runpy
from dataclasses import fields
from pathlib import Path

import click
import pytest

from sidelight.cli import sidecar
from sidelight.contract import METRICS
from sidelight.settings import Options, Settings

ROOT = Path(__file__).parent.parent
PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("examples/**/*.md"),
]


def test_every_setting_is_in_the_readme() -> None:
    """README's table, the keyword arguments and the settings are the same names."""
    table = re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert table == list(dict.fromkeys(table))
    names = {field.name for field in fields(Settings)}
    assert set(table) == names == set(Options.__annotations__)


def test_every_option_of_the_sidecar_is_in_its_page() -> None:
    """The table, the command's options and their variables are the same names."""
    text = (ROOT / "docs" / "sidecar.md").read_text()
    table = re.findall(r"^\| `(--[a-z-]+)` \| `(SIDELIGHT_[A-Z_]+)` \|", text, re.MULTILINE)
    options = [option for option in sidecar.params if isinstance(option, click.Option)]
    assert table == [(option.opts[0], option.envvar) for option in options]


def test_the_page_of_metrics_is_up_to_date() -> None:
    """`docs/metrics.md` is what its generator makes of the contract."""
    made = runpy.run_path(str(ROOT / "docs" / "metrics.py"))["page"]()
    assert (ROOT / "docs" / "metrics.md").read_text() == made


def test_metrics_named_in_the_docs_exist() -> None:
    """No page names a metric of ours that isn't there."""
    ours = re.compile(r"\b((?:http_server|fastapi|sidelight)_[a-z_]+(?:_total|_seconds|_bytes))\b")
    suffixes = ("_bucket", "_sum", "_count")
    for page in PAGES:
        if page.name == "migrate.md":
            continue  # names of others stand beside ours there
        for name in set(ours.findall(page.read_text())):
            assert name in METRICS or name.endswith(suffixes), (page.name, name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of the project has its file."""
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_readme_is_short_and_its_code_runs() -> None:
    """Under 200 lines, and the two lines it promises do what it says."""
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) < 200
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    space: dict[str, object] = {}
    exec(code, space)  # noqa: S102 our own README
    assert type(space["app"]).__name__ == "FastAPI"
