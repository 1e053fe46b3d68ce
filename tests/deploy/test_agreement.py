"""The artefacts agree: on the command, the directory, the port, versions and names."""

import re
from pathlib import Path

import pytest
from click import Command

from sidelight.cli import main
from sidelight.project import PROJECT_URL
from sidelight.settings import load as settings
from tests.deploy.artefacts import (
    COMPOSE,
    DEPLOY,
    DIRECTORY,
    PORT,
    ROOT,
    compose,
    configurations,
    load,
    option,
    service_environments,
    sidecar_arguments,
    unit_environment,
)

WAYS = ("compose", "kubernetes", "systemd")


def sidecar() -> Command:
    """The real command."""
    return main.commands["sidecar"]


@pytest.mark.parametrize("way", WAYS)
def test_the_real_command_takes_the_arguments(way: str) -> None:
    """`sidelight sidecar` itself parses the command line of each artefact."""
    arguments = sidecar_arguments()[way]
    given = sidecar().make_context("sidecar", list(arguments)).params
    assert given["directory"] == DIRECTORY
    assert given["token_file"] == option(arguments, "token-file")
    assert given["insecure"] is False


def test_variables_of_the_sidecar_are_its_own() -> None:
    """The sidecar reads every SIDELIGHT variable that an artefact sets for it."""
    known = {name for param in sidecar().params for name in _names(param.envvar)}
    over = load(COMPOSE / "compose.otlp.yaml")["services"]["sidecar"]["environment"]
    given = {*over, *unit_environment("sidelight@.service")}
    assert given == {"SIDELIGHT_OTLP", "SIDELIGHT_LISTEN"}
    assert given <= known


def _names(envvar: object) -> list[str]:
    return [envvar] if isinstance(envvar, str) else list(envvar or ())  # type: ignore[call-overload] # click's type says less


@pytest.mark.parametrize("way", WAYS)
def test_service_and_sidecar_share_the_directory(way: str) -> None:
    """The service's `SIDELIGHT_DIR` is the sidecar's directory, the same everywhere."""
    assert service_environments()[way]["SIDELIGHT_DIR"] == DIRECTORY
    assert option(sidecar_arguments()[way], "directory") == DIRECTORY


@pytest.mark.parametrize("way", WAYS)
def test_the_services_metrics_endpoint_is_off(way: str) -> None:
    """The service's settings in an artefact are valid, and turn its own /metrics off."""
    loaded = settings({}, service_environments()[way], DEPLOY)
    assert loaded.metrics_path is None
    assert loaded.directory == DIRECTORY


@pytest.mark.parametrize("way", WAYS)
def test_an_open_address_has_a_token(way: str) -> None:
    """Each sidecar has a token file, is not insecure, and listens on the same port."""
    arguments = sidecar_arguments()[way]
    listen = option(arguments, "listen") or unit_environment("sidelight@.service").get(
        "SIDELIGHT_LISTEN", ""
    )
    assert listen in {f"0.0.0.0:{PORT}", f"127.0.0.1:{PORT}"}
    assert option(arguments, "token-file")
    assert "--insecure" not in arguments


def test_the_host_that_prometheus_scrapes_is_allowed() -> None:
    """The host of compose's scrape target is the sidecar's allowed host."""
    jobs = load(DEPLOY / "prometheus" / "prometheus.yml")["scrape_configs"]
    (target,) = (
        target
        for job in jobs
        if job["job_name"] == "shop"
        for each in job["static_configs"]
        for target in each["targets"]
    )
    assert target == f"{option(sidecar_arguments()['compose'], 'allowed-host')}:{PORT}"


def test_every_image_is_pinned() -> None:
    """The tag of each image is a full version; our own is the project's."""
    images = re.findall(r"^(?:\s*image:|FROM) +(\S+)", _all_text(), re.MULTILINE)
    third = [image for image in images if not image.startswith("sidelight-shop")]
    assert len(set(third)) == 5
    for image in third:
        assert re.search(r":v?\d+\.\d+\.\d+(-[\w-]+)?$", image), image
    built = {image for image in images if image.startswith("sidelight-shop")}
    assert built == {"sidelight-shop:0.1.0", "sidelight-shop"}  # kustomize adds the tag
    (tag,) = load(DEPLOY / "kubernetes" / "base" / "kustomization.yaml")["images"]
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert tag["newTag"] == version[1]


def _all_text() -> str:
    return "\n".join(path.read_text() for path in configurations())


def documented() -> set[str]:
    """The names in the table of hosts in `deploy/README.md`."""
    _, _, rest = (DEPLOY / "README.md").read_text().partition("## Host names")
    table = [line for line in rest.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    return {name for line in table for name in re.findall(r"`([^`]+)`", line.split("|")[1])}


def hosts(text: str) -> set[str]:
    """The hosts of URLs and of host:port in a text."""
    urls = re.findall(r"https?://([\w.-]+)", text)
    pairs = re.findall(
        r"(?<![\w./-])((?:[a-z][\w-]*\.)*[a-z][\w-]*|\d+(?:\.\d+){3}):\d{2,5}\b", text
    )
    return {*urls, *pairs}


def test_hosts_are_found() -> None:
    """Hosts are found in URLs and in addresses, and not in versions."""
    assert hosts("http://prometheus:9090/api and 10.0.0.1:80") == {"prometheus", "10.0.0.1"}
    assert hosts("sidecar:9464") == {"sidecar"}
    assert hosts("prom/alertmanager:v0.33.1 sidelight-shop:0.1.0 /a:64") == set()


def test_hosts_are_documented() -> None:
    """Each host in a file is in the table of `deploy/README.md`."""
    for path in configurations():
        assert hosts(path.read_text()) <= documented(), path


def test_documented_hosts_are_used() -> None:
    """Each host in the table is in a file."""
    everything = _all_text()
    assert all(host in everything for host in documented())


def test_names_of_containers_are_services() -> None:
    """Each host that is no address is a service of compose, or the project's placeholder."""
    services = {*compose(), *load(COMPOSE / "compose.otlp.yaml")["services"]}
    placeholder = hosts(PROJECT_URL)
    assert {host for host in documented() if not host[0].isdigit()} <= services | placeholder


@pytest.mark.parametrize("page", sorted(DEPLOY.rglob("*.md")), ids=lambda page: page.parent.name)
def test_links_of_the_readmes_work(page: Path) -> None:
    """Every link to a file of the project leads to a file."""
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_folder_is_explained() -> None:
    """Each folder of `deploy/` is in the table of its README."""
    table = (DEPLOY / "README.md").read_text()
    for folder in DEPLOY.iterdir():
        assert folder.is_file() or f"{folder.name}/" in table, folder.name
