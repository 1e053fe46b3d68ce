"""The options of ``sidelight viewer`` are checked before it starts."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidelight.cli import main
from sidelight.embedded.viewer import settings
from sidelight.embedded.viewer.markdown import runbook, runbook_html, to_html
from sidelight.embedded.viewer.settings import LISTEN, SIDECAR, ViewerSettings, check
from sidelight.errors import SettingsError

NAMES = [path.stem for path in Path("docs/runbooks").glob("[A-Z]*[a-z].md")]


def test_defaults() -> None:
    """The viewer listens on a loopback address and reads the sidecar of this machine."""
    found = check(LISTEN, SIDECAR, None, None, (), insecure=False)
    assert found == ViewerSettings("127.0.0.1", 9465, None, (), "http://127.0.0.1:9464", None)
    assert found.metrics_url == "http://127.0.0.1:9464"
    assert not found.open


def test_metrics_come_from_prometheus() -> None:
    """Queries are sent to Prometheus; slow requests are read from the sidecar."""
    found = check(LISTEN, SIDECAR, "http://prometheus:9090/path/", None, (), insecure=False)
    assert (found.metrics_url, found.sidecar) == ("http://prometheus:9090/path", SIDECAR)


@pytest.mark.parametrize("listen", ["0.0.0.0:9465", "[::]:9465", "10.1.2.3:80"])
def test_other_machines_need_a_token(listen: str, tmp_path: Path) -> None:
    """An address that other machines reach requires a token or ``--insecure``."""
    with pytest.raises(SettingsError, match="needs a token"):
        check(listen, SIDECAR, None, None, (), insecure=False)
    token = tmp_path / "token"
    token.write_text("word\n")
    assert check(listen, SIDECAR, None, str(token), (), insecure=False).token == "word"
    assert check(listen, SIDECAR, None, None, (), insecure=True).open


def test_insecure_contradicts_a_token(tmp_path: Path) -> None:
    """A token together with ``--insecure`` is an error."""
    token = tmp_path / "token"
    token.write_text("word")
    with pytest.raises(SettingsError, match="contradicts --token-file"):
        check(LISTEN, SIDECAR, None, str(token), (), insecure=True)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:9090", "ftp://x", "http://", "http://x/?a=1", "http://[", ""]
)
def test_an_invalid_address_is_refused(url: str) -> None:
    """The error names the option, the value, and an example."""
    with pytest.raises(SettingsError) as raised:
        check(LISTEN, SIDECAR, url, None, (), insecure=False)
    assert str(raised.value) == (
        f"prometheus={url!r}: must be an http or https address; "
        "for example --prometheus http://127.0.0.1:9090"
    )


def test_a_login_is_removed_from_an_address() -> None:
    """Addresses are shown to readers without their user and password."""
    sidecar, source = "http://me:p%40ss@127.0.0.1:9464/", "https://you@prometheus/path"
    found = check(LISTEN, sidecar, source, None, (), insecure=False)
    assert (found.sidecar, found.metrics_url) == (
        "http://127.0.0.1:9464",
        "https://prometheus/path",
    )
    assert found.logins == {found.sidecar: ("me", "p@ss"), found.metrics_url: ("you", "")}
    assert "p@ss" not in repr(found)
    with pytest.raises(SettingsError) as raised:
        check(LISTEN, "http://me:word@host/?query", None, None, (), insecure=False)
    assert "word" not in str(raised.value)


@pytest.mark.parametrize("step", ["", "5", "0", "0s", "500ms", "often"])
def test_an_invalid_step_is_refused(step: str) -> None:
    """A step is a duration of at least one second."""
    with pytest.raises(SettingsError, match="at least 1s; for example --step 5s"):
        check(LISTEN, SIDECAR, None, None, (), insecure=False, step=step)
    assert check(LISTEN, SIDECAR, None, None, (), insecure=False, step="5s").step == 5.0


def test_the_command_prints_errors() -> None:
    """An invalid option is a message and exit code 1, without a traceback."""
    done = CliRunner().invoke(main, ["viewer", "--listen", "0.0.0.0:1"])
    assert done.exit_code == 1
    assert done.output.startswith("Error: listen='0.0.0.0:1': is open to other machines")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the missing package and the extra that installs it."""
    monkeypatch.setattr(settings, "find_spec", lambda name: None if name == "nicegui" else name)
    done = CliRunner().invoke(main, ["viewer"])
    assert (done.exit_code, done.output) == (
        1,
        "Error: the viewer needs nicegui: pip install 'sidelight[viewer]'\n",
    )


def test_an_unavailable_address_is_named() -> None:
    """The error names an address that this machine does not have."""
    from sidelight.serving.process import listen

    with pytest.raises(SettingsError, match=r"192\.0\.2\.1:9465.*--listen"):
        listen(ViewerSettings("192.0.2.1", 9465, None, (), SIDECAR, None), LISTEN)


def test_links_in_runbooks_stay_in_the_viewer() -> None:
    """A link to a runbook opens its alert; other links to the docs become text."""
    found = runbook_html("EventLoopBlocked")
    assert "<h1>EventLoopBlocked</h1>" in found
    links = re.findall(r'href="([^"]*)"', "".join(map(runbook_html, NAMES)))
    assert len(links) >= 20
    assert {link.removeprefix("/alerts?open=") for link in links} <= set(NAMES)


def test_runbooks() -> None:
    """A runbook is found by the name of its alert only."""
    assert (runbook("EventLoopBlocked") or "").startswith("# EventLoopBlocked\n")
    assert runbook("NoSuchAlert") is runbook("../README") is runbook("") is None


def test_html_in_markdown_is_text() -> None:
    """HTML in a text panel or in a runbook is shown as text, and none of it is run."""
    html = to_html('**bold** <img src=x onerror="hit()">\n\n<script>hit()</script>\n')
    assert "<strong>bold</strong>" in html
    assert "<img" not in html
    assert "<script" not in html
    assert "&lt;script&gt;" in html
