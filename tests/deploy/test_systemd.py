"""systemd: valid units, a directory that both can use, and a low exposure."""

import shutil
from pathlib import Path

import pytest

from tests.deploy.artefacts import DIRECTORY, UNITS, run, unit, unit_environment

SHOP, SIDECAR = "shop.service", "sidelight@.service"
PACKAGE = "Debian: systemd"


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with a program that exists on this machine."""
    program = shutil.which("true")
    assert program
    for name in (SHOP, SIDECAR):
        text = (UNITS / name).read_text()
        start, key, rest = text.partition("\nExecStart=")
        assert key
        (tmp_path / name).write_text(start + key + program + " " + rest.partition(" ")[2])
    return tmp_path


@pytest.mark.parametrize("name", [SHOP, SIDECAR])
def test_systemd_accepts_the_units(units: Path, name: str) -> None:
    """``systemd-analyze verify`` reports nothing about either unit."""
    done = run(
        *("systemd-analyze", "verify", "--recursive-errors=no", f"./{name}"),
        package=PACKAGE,
        where=units,
    )
    assert (done.stdout + done.stderr).strip() == ""


def test_the_directory_exists_before_the_service_starts() -> None:
    """The service starts after the sidecar runs; by then systemd has made the directory."""
    assert unit(SIDECAR)["Type"] == ["exec"]
    assert f"{SIDECAR.replace('@', '@shop')}" in unit(SHOP)["After"][0]


@pytest.mark.parametrize("name", [SHOP, SIDECAR])
def test_the_exposure_is_low(units: Path, name: str) -> None:
    """``systemd-analyze security`` finds an exposure of at most 2.0 out of 10."""
    command = ("systemd-analyze", "security", "--offline=true", "--threshold=20", f"./{name}")
    done = run(*command, package=PACKAGE, where=units)
    assert "Overall exposure level" in done.stdout


def test_the_unit_of_the_sidecar_makes_the_directory() -> None:
    """The directory has the shared mode, and is kept when the sidecar stops."""
    sidecar = unit(SIDECAR)
    assert f"/run/{sidecar['RuntimeDirectory'][0]}".replace("%i", "shop") == DIRECTORY
    assert sidecar["RuntimeDirectoryMode"] == ["2770"]
    assert sidecar["RuntimeDirectoryPreserve"] == ["yes"]
    assert "RuntimeDirectory" not in unit(SHOP)  # two units would change its owner in turn


def test_the_service_can_write_to_the_directory() -> None:
    """The service is in the group of the directory, which is not read-only for it."""
    shop = unit(SHOP)
    assert shop["SupplementaryGroups"] == unit(SIDECAR)["Group"]
    assert shop["ProtectSystem"] == ["strict"]
    assert shop["ReadWritePaths"] == [f"-{unit_environment(SHOP)['SIDELIGHT_DIR']}"]


@pytest.mark.parametrize("name", [SHOP, SIDECAR])
def test_the_group_can_read_new_files(name: str) -> None:
    """The umask lets the group read new files, and nobody else."""
    (umask,) = unit(name)["UMask"]
    assert 0o640 & ~int(umask, 8) == 0o640
    assert int(umask, 8) & 0o007 == 0o007


def test_the_service_starts_without_its_sidecar() -> None:
    """The service wants the sidecar and starts after it, and requires no unit."""
    shop = unit(SHOP)
    assert shop["Wants"] == ["sidelight@shop.service"]
    assert "sidelight@shop.service" in shop["After"][0].split()
    assert not {"Requires", "BindsTo", "Requisite", "PartOf"} & set(shop)


def test_the_token_is_a_credential() -> None:
    """The sidecar reads the token from the credential that systemd passes, not from root's file."""
    (credential,) = unit(SIDECAR)["LoadCredential"]
    name, _, file = credential.partition(":")
    assert file == "/etc/sidelight/%i.token"
    assert f"--token-file %d/{name}" in unit(SIDECAR)["ExecStart"][0]


def test_users_and_groups_are_created() -> None:
    """Every user and group that a unit names is in the sysusers file."""
    made = {
        line.split()[1]
        for line in (UNITS / "sidelight.sysusers.conf").read_text().splitlines()
        if line.startswith("u ")
    }
    for name in (SHOP, SIDECAR):
        keys = unit(name)
        assert {*keys["User"], *keys["Group"], *keys.get("SupplementaryGroups", [])} <= made
