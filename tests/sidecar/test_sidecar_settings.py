"""What the sidecar is started with."""

import subprocess
import sys
from pathlib import Path

import pytest

from sidelight import bearer_token
from sidelight.errors import SettingsError
from sidelight.serving.bind import address, is_loopback
from sidelight.sidecar.settings import LISTEN, check, exports_by_environment


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("[::1]:80", ("::1", 80)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_an_address_has_a_host_and_a_port(text: str, found: tuple[str, int]) -> None:
    """Names, IPv4 and bracketed IPv6, each with its port."""
    assert address(text, LISTEN) == found


@pytest.mark.parametrize("text", ["", "9464", ":9464", "127.0.0.1:", "h:65536", "h:-1", "h:x"])
def test_a_wrong_address_is_refused_with_one_that_works(text: str) -> None:
    """The message has the option, what was given, and an example."""
    with pytest.raises(SettingsError) as caught:
        address(text, LISTEN)
    assert str(caught.value) == (
        f"listen={text!r}: must be ADDRESS:PORT; for example --listen 127.0.0.1:9464"
    )


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("shop", False),
    ],
)
def test_loopback_is_known(host: str, found: bool) -> None:  # noqa: FBT001 the case under test
    """Only addresses that no other machine reaches need no token."""
    assert is_loopback(host) is found


def test_other_addresses_need_a_token_or_a_word(tmp_path: Path) -> None:
    """0.0.0.0 is refused as it is, and taken with a token or with --insecure."""
    with pytest.raises(SettingsError, match="--token-file") as caught:
        check("/run/s", "0.0.0.0:1", None, (), None, insecure=False, environ={})
    assert "'0.0.0.0:1'" in str(caught.value)
    assert check("/run/s", "0.0.0.0:1", None, (), None, insecure=True, environ={}).open
    file = tmp_path / "token"
    file.write_text("secret\n")
    guarded = check("/run/s", "0.0.0.0:1", str(file), (), None, insecure=False, environ={})
    assert guarded.token == "secret"
    assert not guarded.open


def test_a_token_and_insecure_contradict(tmp_path: Path) -> None:
    """Both together say two things."""
    file = tmp_path / "token"
    file.write_text("secret")
    with pytest.raises(SettingsError, match="contradicts --token-file"):
        check("/run/s", "0.0.0.0:1", str(file), (), None, insecure=True, environ={})


@pytest.mark.parametrize("content", [b"", b" \n", b"two words", b"\xff\xfe", b"a\x00b"])
def test_a_token_file_holds_one_word(tmp_path: Path, content: bytes) -> None:
    """Anything else is refused by the file's name, and the content is not shown."""
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        bearer_token.read(str(file))
    assert f"token_file={str(file)!r}" in str(caught.value)
    assert "two words" not in str(caught.value)


def test_a_missing_token_file_is_named() -> None:
    """The file that can't be read, and why."""
    with pytest.raises(SettingsError, match="No such file") as caught:
        bearer_token.read("/nowhere/token")
    assert "'/nowhere/token'" in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c:4318/v1/metrics"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_METRICS_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_METRICS_EXPORTER": "otlp"}, True),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_METRICS_EXPORTER": "console, otlp"},
            True,
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_METRICS_EXPORTER": "console"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_METRICS_EXPORTER": "otlp"}, False),
    ],
)
def test_opentelemetrys_own_variables_turn_sending_on(
    environ: dict[str, str],
    found: bool,  # noqa: FBT001 the case under test
) -> None:
    """An endpoint asks for it, unless the exporter is named as another or none."""
    assert exports_by_environment(environ) is found
    assert check("/d", "127.0.0.1:1", None, (), None, insecure=False, environ=environ).otlp == (
        "" if found else None
    )


def test_a_relative_directory_is_that_of_the_start() -> None:
    """It is made absolute once."""
    found = check("here", "127.0.0.1:1", None, (), None, insecure=False, environ={})
    assert found.directory == str(Path.cwd() / "here")


def test_it_starts_without_the_frameworks_of_services() -> None:
    """A sidecar needs neither FastAPI nor what comes with it, and doesn't wait for their import."""
    code = "import sys, sidelight.sidecar.server; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in told.stdout.split()}
    assert not loaded & {"fastapi", "pydantic", "opentelemetry", "prometheus_client"}
