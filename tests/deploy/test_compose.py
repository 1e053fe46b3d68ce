"""Compose: shared volumes, users, limits, ports and configurations."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.artefacts import COMPOSE, DIRECTORY, MIB, PORT, ROOT, WORKER, compose, load

FILE = load(COMPOSE / "compose.yaml")
OTLP = load(COMPOSE / "compose.otlp.yaml")
SIDELIGHT = ("shop", "sidecar")


def mounts(service: str) -> dict[str, dict[str, Any]]:
    """A service's volumes by the name or path of their source."""
    return {each["source"]: each for each in compose()[service]["volumes"]}


def client() -> list[str]:
    """Docker Compose 2 or later, or a skipped test."""
    for command in (["docker", "compose"], ["docker-compose"]):
        found = shutil.which(command[0])
        if found is None:
            continue
        words = [found, *command[1:]]
        done = subprocess.run(
            [*words, "version", "--short"], capture_output=True, text=True, check=False
        )
        version = re.match(r"v?(\d+)\.", done.stdout)
        if done.returncode == 0 and version and int(version[1]) >= 2:
            return words
    pytest.skip("neither `docker compose` nor docker-compose 2 or later is installed")


@pytest.mark.parametrize("files", [["compose.yaml"], ["compose.yaml", "compose.otlp.yaml"]])
def test_compose_accepts_the_files(files: list[str], tmp_path: Path) -> None:
    """``docker compose config`` reports neither an error nor a warning for either set-up."""
    words = client()
    folder = tmp_path / "deploy" / "compose"
    shutil.copytree(COMPOSE, folder)
    options = [word for name in files for word in ("--file", name)]
    done = subprocess.run(
        [*words, *options, "config", "--quiet"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_service_and_sidecar_share_one_tmpfs() -> None:
    """Both mount one volume of type tmpfs at one path, and their directory is below it."""
    shop, sidecar = (mounts(name)["shared"] for name in SIDELIGHT)
    assert shop == sidecar
    assert DIRECTORY.startswith(shop["target"] + "/")
    made = FILE["volumes"]["shared"]["driver_opts"]
    assert (made["type"], made["device"]) == ("tmpfs", "tmpfs")
    assert [name for name in compose() if "shared" in mounts(name)] == list(SIDELIGHT)


def test_both_are_one_user_and_one_group() -> None:
    """User and group are the same for both, for the volume, and for the image; not root."""
    users = {compose()[name]["user"] for name in SIDELIGHT}
    assert users == {"10001:10001"}
    options = dict(
        each.split("=") for each in FILE["volumes"]["shared"]["driver_opts"]["o"].split(",")
    )
    assert (options["uid"], options["gid"], options["mode"]) == ("10001", "10001", "2770")
    assert "USER 10001:10001" in (ROOT / "Dockerfile").read_text()


def test_there_is_room_for_the_workers() -> None:
    """The tmpfs has room for all workers twice, and fits the memory limit of the service."""
    command = compose()["shop"]["command"]
    workers = int(command[command.index("--workers") + 1])
    size = re.search(r"size=(\d+)m", FILE["volumes"]["shared"]["driver_opts"]["o"])
    limit = re.fullmatch(r"(\d+)m", compose()["shop"]["mem_limit"])
    assert size
    assert limit
    assert 2 * workers * WORKER <= int(size[1]) * MIB < int(limit[1]) * MIB


@pytest.mark.parametrize("name", SIDELIGHT)
def test_containers_are_locked_down(name: str) -> None:
    """The root is read-only, and the container has no capability and can gain none."""
    service = compose()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


def test_ports_are_bound_to_this_machine() -> None:
    """Every published port is bound to 127.0.0.1, and no port is published twice."""
    ports = [port for each in compose().values() for port in each.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len(set(ports)) == len(ports)
    assert f"127.0.0.1:{PORT}:{PORT}" in ports


def test_the_token_is_one_file_for_both_ends() -> None:
    """Sidecar and Prometheus mount the same secret; it is never committed."""
    assert "sidelight_token" in compose()["sidecar"]["secrets"]
    assert "sidelight_token" in compose()["prometheus"]["secrets"]
    assert FILE["secrets"]["sidelight_token"] == {"file": "./secrets/sidelight_token"}
    assert "secrets/" in (COMPOSE / ".gitignore").read_text().splitlines()


def test_volumes_and_secrets_are_defined_and_used() -> None:
    """Every named volume and secret that is used is defined, and every defined one is used."""
    services = compose().values()
    bound = {each["source"] for one in services for each in one["volumes"]}
    assert {name for name in bound if "/" not in name} == set(FILE["volumes"])
    assert {name for one in services for name in one.get("secrets", [])} == set(FILE["secrets"])


def test_mounted_folders_exist() -> None:
    """Every folder that is mounted from the repository exists, and is mounted read-only."""
    for name, service in {**compose(), **OTLP["services"]}.items():
        for each in service.get("volumes", []):
            if each["type"] == "bind" and not each.get("bind", {}).get("create_host_path"):
                assert (COMPOSE / each["source"]).is_dir(), (name, each)
                assert each["read_only"] is True


def test_grafana_reads_the_mounted_dashboards() -> None:
    """The provider's folder is that of the mount, which is `dashboards/json`."""
    provisioned = COMPOSE / ".." / "grafana" / "provisioning"
    (provider,) = load(provisioned / "dashboards" / "sidelight.yml")["providers"]
    mount = mounts("grafana")["../../dashboards/json"]
    assert provider["options"]["path"] == mount["target"]
    (source,) = load(provisioned / "datasources" / "prometheus.yml")["datasources"]
    assert (source["uid"], source["url"]) == ("prometheus", "http://prometheus:9090")


def test_configurations_are_read_from_where_they_are_mounted() -> None:
    """Each ``--config.file`` is a file of the mounted folder."""
    services = [*compose().items(), *OTLP["services"].items()]
    found = set()
    for name, service in services:
        volumes = service.get("volumes") or compose()[name]["volumes"]
        for word in service.get("command", []):
            option, _, path = str(word).partition("=")
            if option in {"--config.file", "--config"}:
                (source,) = (
                    each["source"] for each in volumes if Path(path).parent == Path(each["target"])
                )
                assert (COMPOSE / source / Path(path).name).is_file()
                found.add(Path(path).name)
    assert found == {"prometheus.yml", "prometheus-otlp.yml", "alertmanager.yml", "receive.yaml"}


def test_otlp_counts_nothing_twice() -> None:
    """The Prometheus that the collector writes to scrapes no sidecar."""
    assert OTLP["services"]["sidecar"]["environment"]["SIDELIGHT_OTLP"] == "http://collector:4318"
    command = OTLP["services"]["prometheus"]["command"]
    assert "--web.enable-remote-write-receiver" in command
    assert "--config.file=/etc/prometheus/prometheus-otlp.yml" in command
    plain, over = (
        load(COMPOSE / ".." / "prometheus" / name)
        for name in ("prometheus.yml", "prometheus-otlp.yml")
    )
    jobs, fewer = (
        {job["job_name"]: job for job in each.pop("scrape_configs")} for each in (plain, over)
    )
    assert plain == over
    del jobs["shop"]
    collector = fewer.pop("collector")
    assert fewer == jobs
    assert collector["static_configs"] == [{"targets": ["collector:8888"]}]
    plain_command = compose()["prometheus"]["command"]
    assert set(plain_command) - set(command) == {"--config.file=/etc/prometheus/prometheus.yml"}
