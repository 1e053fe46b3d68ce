"""Bearer tokens that are not ASCII, in every place that reads, sends or compares one."""

import asyncio
import json
import os
import subprocess
import sys
from base64 import b64encode
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner
from fastapi import FastAPI

from sidelight import SidelightMiddleware, bearer_token
from sidelight.cli import main
from sidelight.doctor.fetch import fetch
from sidelight.embedded.viewer.clients import HTTPSource
from sidelight.errors import SettingsError
from sidelight.runtime.about import resource
from sidelight.serving.access import Access
from sidelight.settings import load
from tests.serving import serving

# As UTF-8 it ends in A0, and as Latin-1 that byte is white space.
TOKEN = "clé-Ω-à"
BYTES = b"cl\xc3\xa9-\xce\xa9-\xc3\xa0"


async def application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body"})


def status(app: Any, authorization: bytes) -> int:
    """The status of a request for /metrics whose header has these bytes."""
    headers = [(b"host", b"127.0.0.1"), (b"authorization", authorization)]
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/metrics",
        "headers": headers,
    }
    scope |= {"query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1"}
    found: list[int] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        found.append(message.get("status", 0))

    asyncio.run(app(scope, receive, send))
    return found[0]


def test_a_worker_compares_the_bytes_of_a_token(empty_folder: Path) -> None:
    """/metrics of a worker accepts the bytes of the token as UTF-8, and no others."""
    app = FastAPI()
    app.add_middleware(SidelightMiddleware, metrics_token=TOKEN)
    given = (b"Bearer " + BYTES, b"bearer  " + BYTES + b" ", b"Bearer " + TOKEN[:3].encode())
    assert [status(app, value) for value in given] == [200, 200, 401]
    assert status(app, b"Bearer cl\xe9") == 401


def test_the_sidecar_compares_the_bytes_of_a_token() -> None:
    """The sidecar and the viewer accept the bytes, as a bearer token or as a password."""
    app = Access(application, TOKEN, ())
    basic = b"Basic " + b64encode(b"me:" + BYTES)
    given = (b"Bearer " + BYTES, basic, b"Bearer " + BYTES[:-1], b"Basic " + b64encode(b"me:\xe9"))
    assert [status(app, value) for value in given] == [200, 200, 401, 401]


@pytest.mark.parametrize("content", [BYTES, BYTES + b"\n", b" " + BYTES + b"\r\n"])
def test_a_token_file_is_utf_8(tmp_path: Path, content: bytes) -> None:
    """A file's token is the same with and without white space around it."""
    (tmp_path / "token").write_bytes(content)
    assert bearer_token.read(str(tmp_path / "token")) == TOKEN


class Echo(BaseHTTPRequestHandler):
    """Records the credentials of each request, as they came."""

    received: ClassVar[list[bytes]] = []

    def do_GET(self) -> None:
        self.received.append(self.headers["authorization"].encode("latin-1"))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"up 1\n")

    def log_message(self, *_: object) -> None: ...


def test_a_token_is_sent_as_utf_8(tmp_path: Path) -> None:
    """`rules check`, its fetch and the viewer send the bytes that a token file holds."""
    (tmp_path / "token").write_bytes(BYTES)
    Echo.received = []
    with serving(Echo) as port:
        url = f"http://127.0.0.1:{port}"
        assert fetch(url, 5, TOKEN) == b"up 1\n"
        (tmp_path / "sidelight.toml").write_text('service = "shop"\n')
        arguments = ["--config", str(tmp_path / "sidelight.toml"), "--against", url]
        arguments += ["--token-file", str(tmp_path / "token")]
        CliRunner().invoke(main, ["rules", "check", *arguments])
        asyncio.run(_get(url))
    assert Echo.received == [b"Bearer " + BYTES] * 3


async def _get(url: str) -> None:
    async with HTTPSource(url, TOKEN) as source:
        await source.request("GET", "/")


PROGRAM = """
import json, sys
from sidelight import bearer_token
from sidelight.errors import SettingsError
from sidelight.runtime.about import resource
from sidelight.settings import load
try:
    found = load({})
    print(json.dumps([found.metrics_token, found.service, found.metrics_path]))
    print(json.dumps([resource()["service.name"], bearer_token.read(sys.argv[1])]))
except SettingsError as error:
    print(error)
"""


def run_in_ascii_locale(folder: Path, token: bytes) -> list[str]:
    """What a process prints that decodes its environment as ASCII."""
    (folder / "token").write_bytes(token)
    environ: dict[bytes, bytes] = {
        **{name: value for name, value in os.environb.items() if not name.startswith(b"LC_")},
        b"LC_ALL": b"C",
        b"PYTHONUTF8": b"0",
        b"PYTHONCOERCECLOCALE": b"0",
        b"SIDELIGHT_METRICS_TOKEN": token,
        b"SIDELIGHT_SERVICE": "café".encode(),
        b"SIDELIGHT_METRICS_PATH": "/é".encode(),
        b"OTEL_SERVICE_NAME": "Ω".encode(),
    }
    command = [sys.executable, "-c", PROGRAM, "token"]
    done = subprocess.run(command, env=environ, cwd=folder, capture_output=True, check=True)
    return done.stdout.decode().splitlines()


@pytest.mark.skipif(os.name == "nt", reason="the environment of Windows has no locale")
def test_the_environment_is_utf_8_in_any_locale(tmp_path: Path) -> None:
    """In the locale C, every text of the environment and a token file are still UTF-8."""
    first, second = run_in_ascii_locale(tmp_path, BYTES)
    assert json.loads(first) == [TOKEN, "café", "/é"]
    assert json.loads(second) == ["Ω", TOKEN]


@pytest.mark.skipif(os.name == "nt", reason="the environment of Windows has no locale")
def test_a_token_that_is_not_utf_8_is_refused_at_start(tmp_path: Path) -> None:
    """The message names the setting and the encoding, and does not have the token."""
    (line,) = run_in_ascii_locale(tmp_path, b"s3cr\xe9t")
    assert line.startswith("metrics_token='...': must be one word of UTF-8")
    (tmp_path / "token").write_bytes(b"s3cr\xe9t")
    with pytest.raises(SettingsError, match="token': must be one word of UTF-8"):
        bearer_token.read(str(tmp_path / "token"))


@pytest.mark.parametrize("token", ["two words", "a\nb", "a\x00b"])
def test_a_token_that_no_client_can_send_is_refused(empty_folder: Path, token: str) -> None:
    """A token in the settings is one word, as in a file, and is not shown."""
    with pytest.raises(SettingsError, match="metrics_token") as caught:
        load({"metrics_token": token}, {})
    assert token not in str(caught.value)


def test_white_space_around_a_token_is_left_out(empty_folder: Path) -> None:
    """A secret that ends in a new line, as Kubernetes may hold it, is the word in it."""
    assert load({}, {"SIDELIGHT_METRICS_TOKEN": "secret\n"}).metrics_token == "secret"


def test_a_service_name_that_is_not_utf_8_can_be_exported() -> None:
    """Bytes that are not UTF-8 are replaced in OpenTelemetry's variables."""
    found = resource({"OTEL_SERVICE_NAME": "caf\udce9", "OTEL_RESOURCE_ATTRIBUTES": "a=\udce9"})
    assert found == {"service.name": "caf?", "a": "?"}
