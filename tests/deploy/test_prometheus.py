"""The configurations of Prometheus, Alertmanager and the collector, checked by their tools."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.artefacts import DEPLOY, PORT, load, run
from tests.live.newer import newer

SECRET = "/run/secrets/sidelight_token"
DEBIAN = "Debian: prometheus"
COLLECTORS = ("receive.yaml", "scrape.yaml")


def checkable(text: str, folder: Path) -> str:
    """The same with a token file that exists, because promtool looks for it."""
    token = folder / "token"
    token.write_text("secret")
    return text.replace(SECRET, str(token))


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus-otlp.yml"])
def test_promtool_accepts_the_configuration(name: str, tmp_path: Path) -> None:
    """``promtool check config`` accepts the configuration and its rules."""
    folder = tmp_path / "prometheus"
    shutil.copytree(DEPLOY / "prometheus", folder)
    file = folder / name
    file.write_text(checkable(file.read_text(), tmp_path))
    run("promtool", "check", "config", str(file), package=DEBIAN)


HISTOGRAMS = DEPLOY / "prometheus" / "histograms"
UNKNOWN = "    scrape_native_histograms: true\n"
"""A line for Prometheus 3.8, of which there is no package."""


@pytest.mark.parametrize("name", sorted(path.name for path in HISTOGRAMS.iterdir()))
def test_promtool_accepts_the_jobs_of_histograms(name: str, tmp_path: Path) -> None:
    """The newest ``promtool`` accepts each file, but for one line, which it does not know yet."""
    text, file = (HISTOGRAMS / name).read_text(), tmp_path / name
    file.write_text(text.replace(UNKNOWN, ""))
    promtool = newer("promtool")
    run(promtool, "check", "config", str(file), package="promtool")
    done = subprocess.run(
        [promtool, "check", "config", str(HISTOGRAMS / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    refused = re.findall("field (.*) not found", done.stderr)
    assert refused == (["scrape_native_histograms"] if name == "native-3.8.yml" else [])


def test_the_sidecar_is_scraped_once_and_with_the_token() -> None:
    """One job scrapes the sidecar, by an allowed host and with the token, and none the shop."""
    jobs = load(DEPLOY / "prometheus" / "prometheus.yml")["scrape_configs"]
    targets = [
        (job["job_name"], target)
        for job in jobs
        for each in job["static_configs"]
        for target in each["targets"]
    ]
    assert [name for name, target in targets if target == f"sidecar:{PORT}"] == ["shop"]
    assert not [target for _, target in targets if target.startswith("shop:")]
    (shop,) = (job for job in jobs if job["job_name"] == "shop")
    assert shop["authorization"] == {"type": "Bearer", "credentials_file": SECRET}


def test_rule_files_are_read() -> None:
    """Both configurations read the rules in `deploy/prometheus/rules/`."""
    for name in ("prometheus.yml", "prometheus-otlp.yml"):
        assert load(DEPLOY / "prometheus" / name)["rule_files"] == ["rules/*.yml"]


def test_the_lines_to_change_elsewhere_are_there(tmp_path: Path) -> None:
    """Each line that deploy/README.md says to change is in the file, and what remains is valid."""
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
    section = (DEPLOY / "README.md").read_text().partition("## Prometheus outside")[2]
    lines = re.findall(r"^\| `([^`]+)` \|", section.partition("\n## ")[0], re.MULTILINE)
    assert len(lines) == 6
    for line in lines:
        assert text.count(f" {line}") + text.count(f"\n{line}") == 1
    (authorization,) = (line for line in lines if line.startswith("authorization"))
    for old, new in (
        ("rules/*.yml", str(DEPLOY / "prometheus/rules/*.yml")),
        ("alertmanager:9093", "127.0.0.1:9093"),
        ("job_name: shop", "job_name: bank"),
        (f"    {authorization}\n", ""),
        ("sidecar:9464", "127.0.0.1:9464"),
    ):
        text = text.replace(old, new)
    (tmp_path / "prometheus.yml").write_text(text)
    run("promtool", "check", "config", str(tmp_path / "prometheus.yml"), package=DEBIAN)


def collector(name: str) -> dict[str, Any]:
    """A collector's configuration."""
    found: dict[str, Any] = load(DEPLOY / "opentelemetry" / name)
    return found


@pytest.mark.parametrize("name", COLLECTORS)
def test_a_pipeline_uses_its_definitions(name: str) -> None:
    """The pipeline uses all definitions and no others, and limits the memory first."""
    config = collector(name)
    pipeline = config["service"]["pipelines"]["metrics"]
    for kind in ("receivers", "processors", "exporters"):
        assert set(pipeline[kind]) == set(config[kind])
    assert pipeline["processors"][0] == "memory_limiter"
    assert pipeline["exporters"] == ["prometheusremotewrite"]
    assert config["exporters"]["prometheusremotewrite"]["endpoint"] == "${env:REMOTE_WRITE_URL}"


def test_the_collectors_scrape_job_is_valid(tmp_path: Path) -> None:
    """``promtool`` accepts the configuration of the collector's Prometheus receiver."""
    inner = collector("scrape.yaml")["receivers"]["prometheus"]["config"]
    text = yaml.safe_dump(inner).replace("${env:SIDELIGHT_TARGET}", f"127.0.0.1:{PORT}")
    file = tmp_path / "inner.yml"
    file.write_text(checkable(text, tmp_path))
    run("promtool", "check", "config", str(file), package=DEBIAN)
    (job,) = inner["scrape_configs"]
    assert job["authorization"] == {"type": "Bearer", "credentials_file": SECRET}


def test_both_collectors_forward_the_same_way() -> None:
    """The two files differ in their receivers only."""
    receive, scrape = (collector(name) for name in COLLECTORS)
    for config in (receive, scrape):
        del config["receivers"], config["service"]["pipelines"]["metrics"]["receivers"]
    assert receive == scrape
