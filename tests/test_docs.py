"""The docs say what is true: settings, metrics, code and links."""

import re
import runpy
import shutil
import subprocess
import tomllib
from pathlib import Path

import click
import pytest

import sidelight
from sidelight import testing
from sidelight.cli import main
from sidelight.cli.servers import sidecar, viewer
from sidelight.contract import METRICS
from sidelight.latency import KEYS, ROUTE_KEYS
from sidelight.project import PROJECT_URL
from sidelight.settings import OPTIONS, Options
from sidelight.slo import config, objectives, rules
from sidelight.slo.context import RuleContext

ROOT = Path(__file__).parent.parent
PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("deploy/**/*.md"),
    *ROOT.glob("benchmarks/*.md"),
    *ROOT.glob("examples/**/*.md"),
]
NO_METRICS = {"sidelight_metrics", "sidelight_token", "fastapi_slow_requests"}
"""A fixture, a name in somebody's configuration, and a family as the fixture is asked for it."""


def test_every_setting_is_in_its_page() -> None:
    """The page's table, the keyword arguments and the settings are the same names."""
    table = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)
    assert table == list(dict.fromkeys(table))
    assert set(table) == set(OPTIONS) == set(Options.__annotations__)


@pytest.mark.parametrize("command", [sidecar, viewer], ids=lambda one: str(one.name))
def test_every_option_is_in_the_commands_page(command: click.Command) -> None:
    """The table, the command's options and their variables are the same names."""
    text = (ROOT / "docs" / f"{command.name}.md").read_text()
    table = re.findall(r"^\| `(--[a-z-]+)` \| `(SIDELIGHT_[A-Z_]+)` \|", text, re.MULTILINE)
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert table == [(option.opts[0], option.envvar) for option in options]


@pytest.mark.parametrize("name", ["metrics", "compatibility"])
def test_generated_pages_are_up_to_date(name: str) -> None:
    """A generated page is what its generator writes today."""
    made = runpy.run_path(str(ROOT / "docs" / f"{name}.py"))["page"]()
    assert (ROOT / "docs" / f"{name}.md").read_text() == made


@pytest.mark.parametrize("newest", [False, True], ids=["installed", "newest"])
def test_the_versions_of_prometheus_are_those_that_run(newest: bool) -> None:  # noqa: FBT001 a case
    """`docs/compatibility.md` names the versions of Prometheus on the machine where it was made."""
    program = str(ROOT / ".cache/prometheus-forky/usr/bin/prometheus") if newest else "prometheus"
    if not shutil.which(program):
        pytest.skip(f"no {program}")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    named = runpy.run_path(str(ROOT / "docs" / "compatibility.py"))["PROMETHEUS"][newest]
    assert f"version {named}." in done.stdout + done.stderr


def test_every_public_name_is_in_the_api() -> None:
    """`docs/api.md` has the names of `sidelight.__all__` and of the plugin, and no other."""
    text = (ROOT / "docs" / "api.md").read_text()
    named = re.findall(r"^::: (.*)", text, re.MULTILINE)
    public = {f"{room.__name__}.{name}" for room in (sidelight, testing) for name in room.__all__}
    assert set(named) == public


def test_every_command_is_in_the_docs() -> None:
    """Each command and each sub-command is named on a page or in the README."""
    text = "".join(page.read_text() for page in PAGES)
    for name, command in main.commands.items():
        subs = command.commands if isinstance(command, click.Group) else [""]
        for sub in subs:
            assert f"sidelight {name} {sub}".strip() in text, (name, sub)


def test_the_placeholder_address_is_one() -> None:
    """The project's address is the same in the code, in `[project.urls]` and in `mkdocs.yml`."""
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
    site = re.findall(r"^\w+_url: (.*)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert site == [urls["Documentation"], urls["Source"]]
    assert all(url.startswith(f"{PROJECT_URL}/") for url in urls.values())


def test_every_key_of_objectives_is_in_their_page() -> None:
    """The table of `docs/objectives.md` has the keys that are read, and no other."""
    text = (ROOT / "docs" / "objectives.md").read_text()
    rows = re.findall(r"^\| (`(?:service|selector|slo\.)[^|]*) \|", text, re.MULTILINE)
    keys = {key for row in rows for key in re.findall(r"`([a-z_.]+)`", row)}
    of_routes = {f"slo.route.{key}" for key in ROUTE_KEYS}
    assert keys == {"service", "selector", *of_routes} | {f"slo.{k}" for k in KEYS} - {"slo.route"}


def test_every_alert_is_in_its_page() -> None:
    """The table of `docs/objectives.md` has every alert with its severities."""
    text = (ROOT / "docs" / "objectives.md").read_text()
    table = dict(re.findall(r"^\| `([A-Z]\w+)` \| ([a-z, ]+) \|", text, re.MULTILINE))
    found: dict[str, set[str]] = {}
    settings = tomllib.loads((ROOT / "deploy/prometheus/tests/shop.toml").read_text())
    for group in rules.groups(RuleContext(config.read(settings))):
        for rule in group["rules"]:
            if "alert" in rule:
                found.setdefault(rule["alert"], set()).add(rule["labels"]["severity"])
    assert {name: set(text.split(", ")) for name, text in table.items()} == found


def test_every_recorded_name_is_in_its_page() -> None:
    """The table of `docs/objectives.md` has the recorded series, of windows one for all."""
    text = (ROOT / "docs" / "objectives.md").read_text()
    for group in rules.groups(RuleContext(objectives.default())):
        for rule in group["rules"]:
            if "record" in rule:
                name = re.sub(r"(increase|ratio_rate)\d+[mhd]$", r"\g<1>1h", rule["record"])
                assert f"`{name}`" in text, name


def test_metrics_named_in_the_docs_exist() -> None:
    """No page names a metric of ours that isn't there."""
    families = "http_server|http_client|fastapi|sidelight|asyncio|anyio|db_client|process"
    named = re.compile(rf"(?<![:\w.])((?:{families})_[a-z_]+[a-z])(?![:\w*(])")
    labels = {label for metric in METRICS.values() for label in metric.labels}
    parts = {f"{name}{part}" for name in METRICS for part in ("_bucket", "_sum", "_count")}
    for page in PAGES:
        if page.name not in {"migrate.md", "CHANGELOG.md"}:  # names of others, and old ones
            found = set(named.findall(page.read_text()))
            assert found - {*METRICS, *labels, *parts, *NO_METRICS} == set(), page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of the project has its file."""
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_readme_compares_what_was_measured() -> None:
    """Its figures beside the others are those of the last benchmark, rounded."""
    names = (
        "**Sidelight**",
        "prometheus-fastapi",
        "starlette_exp",
        "opentelemetry-",
        "FastAPI's own",
    )
    results = (ROOT / "benchmarks" / "RESULTS.md").read_text()
    parts = re.split(r"^##+ (?=1 route|200 routes|Over|A scrape)", results, flags=re.MULTILINE)
    one, many, wire = (
        [
            float(re.findall(rf"^\| {re.escape(name)}[^|]*\| ([\d.]+) ", part, re.MULTILINE)[0])
            for name in names
        ]
        for part in parts[1:4]
    )
    readme = (ROOT / "README.md").read_text()
    for values, places in ((one, 1), (many, 1), (wire, 2)):
        assert "| " + " | ".join(f"{value:.{places}f}" for value in values) + " |" in readme


def test_the_readme_is_short_and_its_code_runs() -> None:
    """Under 200 lines, and the two lines it promises do what it says."""
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) < 200
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    space: dict[str, object] = {}
    exec(code, space)  # noqa: S102 our own README
    assert type(space["app"]).__name__ == "FastAPI"
