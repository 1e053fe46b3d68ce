"""Errors about files, folders and addresses that the user names: which, why, and what works."""

import os
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidelight.cli import main
from sidelight.errors import SettingsError
from sidelight.serving.bind import MAX_PORT, BindConfig
from sidelight.settings_file import find

LONG = "a" * 300
"""A name that no filesystem has, which root can't use either."""


def error(*arguments: str) -> str:
    """What a command prints when it fails."""
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1
    return done.output.splitlines()[-1]


def test_a_missing_folder_of_the_rules(tmp_path: Path) -> None:
    """The folder that is missing can be made by the command of the example."""
    file = tmp_path / "rules" / "shop.yml"
    found = error("rules", "build", "--all-jobs", "--output", str(file))
    problem = f"--output='{file}': No such file or directory"
    assert found == f"Error: {problem}; for example mkdir -p {file.parent}"


def test_a_file_of_rules_that_is_a_folder(tmp_path: Path) -> None:
    """The option, the file and the reason are named."""
    found = error("rules", "build", "--all-jobs", "--output", str(tmp_path))
    assert found == f"Error: --output='{tmp_path}': Is a directory; for example --output rules.yml"


def test_a_folder_of_dashboards_that_cannot_be_made(tmp_path: Path) -> None:
    """The folder is named, and why it can't be made."""
    (tmp_path / "file").write_text("")
    into = tmp_path / "file" / "dashboards"
    found = error("dashboards", "export", str(into))
    example = "sidelight dashboards export ./dashboards"
    assert found == f"Error: DIR='{into}': Not a directory; for example {example}"


def test_a_settings_file_that_cannot_be_examined() -> None:
    """It is a wrong setting, as a missing file is, and no error of another class."""
    with pytest.raises(SettingsError, match=r"^SIDELIGHT_CONFIG='a+': ") as caught:
        find({"SIDELIGHT_CONFIG": LONG})
    assert str(caught.value).endswith("; for example SIDELIGHT_CONFIG=/srv/shop/sidelight.toml")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_address_that_is_in_use(host: str) -> None:
    """The example is another port, since that of the defaults may be the one in use."""
    pytest.importorskip("uvicorn", reason="the extra sidecar")
    from sidelight.serving.process import listen

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    shown = f"[{host}]" if ":" in host else host
    try:
        other = socket.create_server((host, 0), family=family)
    except OSError as refused:
        pytest.skip(f"no {host}: {refused}")
    with other:
        port = other.getsockname()[1]
        with pytest.raises(SettingsError) as caught:
            listen(BindConfig(host, port, None, ()), f"{shown}:{port}")
    following = port % MAX_PORT + 1
    assert str(caught.value) == (
        f"listen='{shown}:{port}': {os.strerror(98)}; for example --listen {shown}:{following}"
    )
