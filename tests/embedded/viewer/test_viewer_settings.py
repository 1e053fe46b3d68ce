"""`sidelight viewer`'s options, checked before anything is started."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidelight.cli import main
from sidelight.embedded.viewer import settings
from sidelight.embedded.viewer.asking import runbook_html
from sidelight.embedded.viewer.runbooks import runbook
from sidelight.embedded.viewer.settings import LISTEN, SIDECAR, Viewer, check
from sidelight.errors import SettingsError

NAMES = [path.stem for path in Path("docs/runbooks").glob("[A-Z]*[a-z].md")]


def test_defaults() -> None:
    """It listens on this machine only, and asks this machine's sidecar."""
    found = check(LISTEN, SIDECAR, None, None, (), insecure=False)
    assert found == Viewer("127.0.0.1", 9465, None, (), "http://127.0.0.1:9464", None)
    assert found.metrics == "http://127.0.0.1:9464"
    assert not found.open


def test_prometheus_is_asked_for_metrics() -> None:
    """Slow requests stay with the sidecar."""
    found = check(LISTEN, SIDECAR, "http://prometheus:9090/path/", None, (), insecure=False)
    assert (found.metrics, found.sidecar) == ("http://prometheus:9090/path", SIDECAR)


@pytest.mark.parametrize("listen", ["0.0.0.0:9465", "[::]:9465", "10.1.2.3:80"])
def test_other_machines_need_a_token(listen: str, tmp_path: Path) -> None:
    """An address that they reach is refused, unless a token is given or it is said out loud."""
    with pytest.raises(SettingsError, match="needs a token"):
        check(listen, SIDECAR, None, None, (), insecure=False)
    token = tmp_path / "token"
    token.write_text("word\n")
    assert check(listen, SIDECAR, None, str(token), (), insecure=False).token == "word"
    assert check(listen, SIDECAR, None, None, (), insecure=True).open


def test_insecure_contradicts_a_token(tmp_path: Path) -> None:
    """Both at once is an error, as for the sidecar."""
    token = tmp_path / "token"
    token.write_text("word")
    with pytest.raises(SettingsError, match="contradicts --token-file"):
        check(LISTEN, SIDECAR, None, str(token), (), insecure=True)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:9090", "ftp://x", "http://", "http://x/?a=1", "http://[", ""]
)
def test_what_is_no_address_says_so(url: str) -> None:
    """The error names the option, what was given, and one that works."""
    with pytest.raises(SettingsError) as raised:
        check(LISTEN, SIDECAR, url, None, (), insecure=False)
    assert str(raised.value) == (
        f"prometheus={url!r}: must be an http or https address; "
        "for example --prometheus http://127.0.0.1:9090"
    )


def test_a_login_is_no_part_of_an_address() -> None:
    """Readers are shown addresses; a user and a password in one are kept apart from it."""
    sidecar, source = "http://me:p%40ss@127.0.0.1:9464/", "https://you@prometheus/path"
    found = check(LISTEN, sidecar, source, None, (), insecure=False)
    assert (found.sidecar, found.metrics) == ("http://127.0.0.1:9464", "https://prometheus/path")
    assert found.logins == {found.sidecar: ("me", "p@ss"), found.metrics: ("you", "")}
    assert "p@ss" not in repr(found)
    with pytest.raises(SettingsError) as raised:
        check(LISTEN, "http://me:word@host/?query", None, None, (), insecure=False)
    assert "word" not in str(raised.value)


@pytest.mark.parametrize("step", ["", "5", "0s", "500ms", "often"])
def test_what_is_no_step_says_so(step: str) -> None:
    """A step is a duration of a second or more."""
    with pytest.raises(SettingsError, match="at least 1s; for example --step 5s"):
        check(LISTEN, SIDECAR, None, None, (), insecure=False, step=step)
    assert check(LISTEN, SIDECAR, None, None, (), insecure=False, step="5s").step == 5.0


def test_the_command_shows_errors() -> None:
    """A wrong option is a message and an exit code, and no traceback."""
    done = CliRunner().invoke(main, ["viewer", "--listen", "0.0.0.0:1"])
    assert done.exit_code == 1
    assert done.output.startswith("Error: listen='0.0.0.0:1': is open to other machines")


def test_without_its_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names what is missing, and the extra that brings it."""
    monkeypatch.setattr(settings, "find_spec", lambda name: None if name == "nicegui" else name)
    done = CliRunner().invoke(main, ["viewer"])
    assert (done.exit_code, done.output) == (
        1,
        "Error: the viewer needs nicegui: pip install 'sidelight[viewer]'\n",
    )


def test_an_address_that_is_taken_says_so() -> None:
    """As does one that this machine hasn't."""
    from sidelight.serving.process import listen

    with pytest.raises(SettingsError, match=r"192\.0\.2\.1:9465.*--listen"):
        listen(Viewer("192.0.2.1", 9465, None, (), SIDECAR, None), LISTEN)


def test_links_of_runbooks_stay_in_the_viewer() -> None:
    """A link to a runbook opens its alert; one to another page of the docs is only its words."""
    found = runbook_html("EventLoopBlocked")
    assert "<h1>EventLoopBlocked</h1>" in found
    links = re.findall(r'href="([^"]*)"', "".join(map(runbook_html, NAMES)))
    assert len(links) >= 20
    assert {link.removeprefix("/alerts?open=") for link in links} <= set(NAMES)


def test_runbooks() -> None:
    """A runbook is found by its alert's name alone."""
    assert (runbook("EventLoopBlocked") or "").startswith("# EventLoopBlocked\n")
    assert runbook("NoSuchAlert") is runbook("../README") is runbook("") is None
