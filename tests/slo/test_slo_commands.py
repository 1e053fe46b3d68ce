"""The command ``sidelight rules``."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from sidelight.cli import main
from sidelight.project import PROJECT_URL
from tests.live.newer import newer
from tests.slo.made import PROMETHEUS

SETTINGS = 'service = "shop"\n[slo]\navailability = "99.9%"\nlatency = "99% < 300ms"\n'


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["rules", *arguments])


@pytest.fixture
def settings(empty_folder: Path) -> Path:
    """A working directory with objectives."""
    file = empty_folder / "sidelight.toml"
    file.write_text(SETTINGS)
    return file


def test_build_writes_rules(settings: Path) -> None:
    """The working directory's objectives become rules, in a file."""
    assert call("build", "--output", "rules.yml").exit_code == 0
    text = Path("rules.yml").read_text()
    assert 'job="shop"' in text
    assert [group["name"] for group in yaml.safe_load(text)["groups"]] == [
        "sidelight-shop-requests",
        "sidelight-shop-budget",
        "sidelight-shop-burn-rate",
        "sidelight-shop-health",
    ]


def test_build_reads_a_pyproject(empty_folder: Path) -> None:
    """The same keys of a pyproject.toml make the same rules."""
    head, _, slo = SETTINGS.partition("[slo]")
    text = f"[tool.sidelight]\n{head}[tool.sidelight.slo]{slo}"
    (empty_folder / "pyproject.toml").write_text(text)
    (empty_folder / "other.toml").write_text(SETTINGS)
    of_project = call("build").stdout
    assert 'job="shop"' in of_project
    assert call("build", "--config", "other.toml").stdout == of_project


def test_build_for_the_operator(settings: Path) -> None:
    """`--format operator` makes a PrometheusRule."""
    assert yaml.safe_load(call("build", "--format", "operator").stdout)["kind"] == "PrometheusRule"


@pytest.mark.newest
@pytest.mark.parametrize(("options", "accepted"), [((), False), (("--classic-histograms",), True)])
def test_build_for_vmalert(settings: Path, options: tuple[str, ...], *, accepted: bool) -> None:
    """Vmalert lacks functions of native histograms: it accepts rules without them."""
    vmalert = newer("victoria-metrics", "vmalert")
    assert call("build", "--output", "rules.yml", *options).exit_code == 0
    done = subprocess.run(
        [vmalert, "-dryRun", "-rule=rules.yml"], capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) == accepted, done.stderr
    if not accepted:
        assert "histogram_count" in done.stderr


def test_build_for_a_drill(settings: Path) -> None:
    """`--scale` shortens intervals."""
    groups = yaml.safe_load(call("build", "--scale", "1/60").stdout)["groups"]
    assert [group["interval"] for group in groups] == ["1s", "4s", "1s", "1s"]


def test_build_reports_impossible_burn_rates(settings: Path) -> None:
    """A burn rate that is impossible is reported, and the rules are written."""
    settings.write_text(SETTINGS.replace("99.9%", "90%"))
    done = call("build", "--output", "rules.yml")
    assert done.exit_code == 0
    assert "can never fire" in done.output
    assert Path("rules.yml").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--config", "none.toml"), "--config='none.toml': is no file; for example"),
        (("--scale", "0"), "--scale='0': must be above 0"),
        (("--scale", "2"), "--scale='2': must be above 0 and at most 1"),
        (("--scale", "1/0"), "--scale='1/0'"),
        (("--scale", "x"), "--scale='x'"),
        (("--output", "none/rules.yml"), "none/rules.yml"),
    ],
)
def test_build_with_wrong_options(arguments: tuple[str, ...], message: str, settings: Path) -> None:
    """A wrong option is an error in one line that names it."""
    done = call("build", *arguments)
    assert done.exit_code == 1
    assert message in done.output
    assert "Traceback" not in done.output


def test_build_with_wrong_settings(settings: Path) -> None:
    """A wrong objective is an error in one line, and no rules are written."""
    settings.write_text(SETTINGS.replace("99.9%", "99.9"))
    done = call("build", "--output", "rules.yml")
    assert done.exit_code == 1
    assert "slo.availability='99.9'" in done.output
    assert not Path("rules.yml").exists()


def test_check(settings: Path) -> None:
    """`check` counts the objectives, and runs promtool on the rules."""
    done = call("check")
    assert done.exit_code == 0
    assert "2 objectives of shop" in done.output
    assert "promtool" in done.output


def test_check_reports_placeholders(settings: Path) -> None:
    """`check` warns about links that start with the placeholder, until addresses are set."""
    done = call("check")
    assert done.exit_code == 0
    assert f"runbook_url of every alert starts with the placeholder {PROJECT_URL}" in done.output
    assert 'fix: dashboard_base = "https://grafana.example"' in done.output
    settings.write_text(SETTINGS + 'runbook_base = "/r"\ndashboard_base = "https://g.example"\n')
    assert "placeholder" not in call("check").output


def test_check_against_a_service(settings: Path) -> None:
    """`check --against` fails where a latency is no bucket."""
    labels = 'http_request_method="GET",http_route="/",le="0.25"'
    Path("metrics").write_text(f"http_server_request_duration_seconds_bucket{{{labels}}} 1\n")
    done = call("check", "--against", "metrics")
    assert done.exit_code == 1
    assert "0.3s is no bucket" in done.output
    assert call("check", "--against", "none").exit_code == 1
    assert call("check", "--token-file", "none").exit_code == 1


def test_check_without_promtool(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without promtool the other checks run, and a warning says that it is missing."""
    monkeypatch.setenv("PATH", "")
    done = call("check")
    assert done.exit_code == 0
    assert "promtool is not installed" in done.output


def test_build_for_every_job(empty_folder: Path) -> None:
    """`--all-jobs` makes the committed rules, without a configuration."""
    done = call("build", "--all-jobs", "--output", "sidelight.yml")
    assert done.exit_code == 0
    committed = PROMETHEUS / "rules" / "sidelight.yml"
    assert Path("sidelight.yml").read_bytes() == committed.read_bytes()


def test_build_for_every_other_job(empty_folder: Path) -> None:
    """`--except` leaves out a job with rules of its own, and is refused where it has no effect."""
    text = call("build", "--all-jobs", "--except", "shop", "--except", "a.b").stdout
    assert 'up{job!~"shop|a\\\\.b"}' in text
    assert "up{}" not in text
    alone = call("build", "--except", "shop")
    assert alone.exit_code == 2
    assert "--except is about --all-jobs" in alone.output


def test_build_for_every_job_with_addresses(settings: Path) -> None:
    """Of the configuration, the rules of every job have the addresses, and not the objectives."""
    settings.write_text(SETTINGS + 'runbook_base = "https://w.example"\ndashboard_base = "/g"\n')
    done = call("build", "--all-jobs")
    assert "runbook_url: https://w.example/TargetsDown.md" in done.stdout
    assert 'job="shop"' not in done.stdout
    assert done.stderr == ""


def test_build_without_a_configuration(empty_folder: Path) -> None:
    """Without a service in a file there are no rules, but an error that names what to do."""
    for command in ("build", "check"):
        done = call(command)
        assert done.exit_code == 1
        assert f"is missing; settings file: none ({empty_folder} has no sidel" in done.output
        assert "SIDELIGHT_CONFIG=FILE; for the default rules, add --all-jobs" in done.output
    (empty_folder / "sidelight.toml").write_text("max_series = 100\n")
    assert (
        f"is missing; settings file: {empty_folder / 'sidelight.toml'}. For the rules"
        in call("build").output
    )


def test_build_reads_the_file_that_a_variable_names(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started elsewhere, `SIDELIGHT_CONFIG` makes the same rules, and `--config` goes before it."""
    made = call("build").stdout
    below = settings.parent / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    monkeypatch.setenv("SIDELIGHT_CONFIG", str(settings))
    assert call("build").stdout == made
    (below / "other.toml").write_text('service = "bank"\n')
    assert 'job="bank"' in call("build", "--config", "other.toml").stdout


def test_build_reports_placeholders(settings: Path) -> None:
    """`build` warns about links that start with the placeholder, beside the rules."""
    done = call("build")
    assert f"runbook_url of every alert starts with the placeholder {PROJECT_URL}" in done.stderr
    assert 'fix: dashboard_base = "https://grafana.example"' in done.stderr


def test_without_pyyaml(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the error has the command that installs it."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    for command in (("build",), ("build", "--all-jobs"), ("check",)):
        done = call(*command)
        assert done.exit_code == 1
        assert "pip install 'sidelight[rules]'" in done.output


def test_the_middleware_does_not_import_it() -> None:
    """The middleware and the sidecar do not import the code of the rules."""
    code = (
        "import sys, sidelight, sidelight.asgi.middleware, sidelight.sidecar.server;"
        "sys.exit(any(name.startswith(('sidelight.slo', 'yaml')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
