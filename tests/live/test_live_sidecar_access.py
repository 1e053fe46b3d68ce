"""A sidecar's door: who is let in, what it refuses to start with, and how it ends."""

import base64
import http.client
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.conftest import Serve
from tests.live.counting import settle
from tests.live.servers import eventually
from tests.live.sidecars import Sidecar, fetch, run, worker_with_routes

pytestmark = pytest.mark.live

TOKEN = "a-long-random-word"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """A file as an editor leaves it."""
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@pytest.fixture
def guarded(store: Path, tmp_path: Path, token_file: Path) -> Iterator[Sidecar]:
    """A sidecar that asks for a token and has two names."""
    names = ("--allowed-host", "metrics.internal", "--allowed-host", "Shop-1,shop-2")
    with Sidecar(store, tmp_path, "--token-file", str(token_file), *names) as sidecar:
        yield sidecar


def basic(user: str, password: str) -> str:
    """The header's value for Basic authentication."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def test_the_token_opens_the_page_and_nothing_else_does(guarded: Sidecar) -> None:
    """Without the token it is 401 with both ways to give it; with it, either way, 200."""
    wrong = [
        {},
        *(
            {"Authorization": text}
            for text in (
                "Bearer",
                "Bearer ",
                "Bearer wrong",
                f"Bearer {TOKEN}x",
                f"Bearer {TOKEN[:-1]}",
                TOKEN,
                f"Digest {TOKEN}",
                basic("me", ""),
                basic(TOKEN, ""),
                basic("me", "wrong"),
                "Basic !!!",
                "Basic w7w=",
                "Bearer \xe9",
                f"Bearer {'x' * 5000}",
            )
        ),
    ]
    for headers in wrong:
        answer = fetch(guarded, "/metrics", headers)
        assert answer.status == 401, headers
        assert "Basic " in answer.headers["www-authenticate"]
        assert "Bearer" in answer.headers["www-authenticate"]
        assert TOKEN not in answer.text
    right = f"Bearer {TOKEN}", f"bearer   {TOKEN}", basic("", TOKEN), basic("me", TOKEN)
    for text in right:
        assert fetch(guarded, "/metrics", {"Authorization": text}).status == 200, text
    assert fetch(guarded, "/nowhere").status == 401
    assert TOKEN not in guarded.log


def test_probes_need_no_token(guarded: Sidecar) -> None:
    """Health and readiness tell nothing but ok, and tell it to anybody."""
    for path in ("/healthz", "/readyz"):
        assert fetch(guarded, path)[::2] == (200, b"ok\n")


def test_foreign_hosts_are_refused(guarded: Sidecar) -> None:
    """Only addresses, localhost and the given names are let in, whatever the port and case."""
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    foreign = (
        "evil.example",
        "evil.example:9464",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "shop-3",
        "metrics.internal.evil.example",
        "",
        "[::1",
        "127.0.0.1@evil.example",
    )
    for host in foreign:
        for path in ("/metrics", "/healthz", "/readyz", "/nowhere"):
            answer = fetch(guarded, path, {**bearer, "Host": host})
            assert answer.status == 421, (host, path)
        assert "--allowed-host" in answer.text
    own = (
        "127.0.0.1",
        f"127.0.0.1:{guarded.port}",
        "10.1.2.3:80",
        "[::1]",
        "[::1]:9464",
        "localhost",
        "LocalHost:9464",
        "metrics.internal",
        "METRICS.internal:80",
        "shop-1",
        "shop-2:9464",
    )
    for host in own:
        assert fetch(guarded, "/metrics", {**bearer, "Host": host}).status == 200, host


def test_names_from_the_environment(store: Path, tmp_path: Path) -> None:
    """SIDELIGHT_ALLOWED_HOSTS holds several names, with commas or blanks between them."""
    names = "one.internal,two.internal, three.internal"
    with Sidecar(store, tmp_path, SIDELIGHT_ALLOWED_HOSTS=names) as sidecar:
        for name in ("one", "two", "three"):
            assert fetch(sidecar, "/metrics", {"Host": f"{name}.internal"}).status == 200
        assert fetch(sidecar, "/metrics", {"Host": "four.internal"}).status == 421


def test_an_open_address_needs_a_token(store: Path) -> None:
    """Without a token no other address than this machine's: the error says what would do."""
    for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:9464", "shop.internal:9464"):
        ended = run("--directory", str(store), "--listen", address)
        assert ended.returncode == 1, address
        assert ended.stdout == ""
        assert f"listen='{address}'" in ended.stderr
        assert "--insecure" in ended.stderr
        example = ended.stderr.partition("for example ")[2].split()
        assert example[:3] == ["--listen", address, "--token-file"]
        assert not store.exists()


def test_the_example_of_the_error_works(store: Path, tmp_path: Path, token_file: Path) -> None:
    """With a token any address will do, and nothing is said against it."""
    options = "--listen", "0.0.0.0:{port}", "--token-file", str(token_file)
    with Sidecar(store, tmp_path, *options, token=TOKEN) as sidecar:
        assert sidecar.get("/metrics")[0] == 200
        assert fetch(sidecar, "/metrics").status == 401
        assert {line["level"] for line in sidecar.lines} == {"info"}


def test_insecure_is_said_out_loud(store: Path, tmp_path: Path) -> None:
    """With --insecure an open address needs no token, and the log warns of it."""
    with Sidecar(store, tmp_path, "--listen", "0.0.0.0:{port}", "--insecure") as sidecar:
        assert sidecar.get("/metrics")[0] == 200
        [warning] = [line for line in sidecar.lines if line["level"] == "warning"]
        assert warning["message"].startswith("--insecure")


def test_a_port_that_is_taken(store: Path) -> None:
    """Where somebody else listens the error names address and reason, and exits with 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = run("--directory", str(store), "--listen", address)
    assert ended.returncode == 1
    assert f"listen='{address}'" in ended.stderr
    assert "Address already in use" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_is_no_address(store: Path) -> None:
    """An address without host or port is an error that shows one that works."""
    for address in ("9464", "127.0.0.1", ":9464", "127.0.0.1:x", "127.0.0.1:99999"):
        ended = run("--directory", str(store), "--listen", address)
        assert ended.returncode == 1, address
        assert f"listen='{address}'" in ended.stderr
        assert "--listen 127.0.0.1:9464" in ended.stderr


def test_a_token_file_without_a_token(store: Path, tmp_path: Path) -> None:
    """A token file that is missing, empty or holds no one word is named; its content is not."""
    path = tmp_path / "token"
    for content in (None, b"", b" \n", b"two words", b"two\nlines\n", b"\xff\xfe"):
        if content is not None:
            path.write_bytes(content)
        ended = run("--directory", str(store), "--token-file", str(path))
        assert ended.returncode == 1, content
        assert f"token_file='{path}'" in ended.stderr
        assert "for example --token-file " in ended.stderr
        assert "two" not in ended.stderr
        assert "Traceback" not in ended.stderr


def test_a_directory_everyone_may_write_to(store: Path, tmp_path: Path) -> None:
    """It isn't ready, says the line that mends it, and is ready as soon as that was done."""
    store.mkdir()
    store.chmod(0o777)
    with Sidecar(store, tmp_path) as sidecar:
        for path in ("/readyz", "/metrics"):
            answer = fetch(sidecar, path)
            assert answer.status == 503
            assert f"chmod 2770 {store}" in answer.text
        assert fetch(sidecar, "/healthz").status == 200
        assert list(store.iterdir()) == []
        store.chmod(0o2770)
        assert fetch(sidecar, "/readyz").status == fetch(sidecar, "/metrics").status == 200


def test_a_directory_that_is_a_link(store: Path, tmp_path: Path) -> None:
    """A symbolic link in place of the directory is refused, and nothing is put where it leads."""
    (tmp_path / "elsewhere").mkdir(0o750)
    store.symlink_to(tmp_path / "elsewhere")
    with Sidecar(store, tmp_path) as sidecar:
        assert fetch(sidecar, "/readyz").status == fetch(sidecar, "/metrics").status == 503
        assert str(store) in fetch(sidecar, "/readyz").text
        assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_first_line_says_where_it_is(store: Path, tmp_path: Path) -> None:
    """The start is one JSON object with the real address, also where port 0 was asked for."""
    sidecar = Sidecar(store, tmp_path, "--listen", "127.0.0.1:0")
    try:
        eventually(lambda: sidecar.log.endswith("\n"))
        [line] = sidecar.lines
        assert line["message"] == "sidecar listens"
        assert line["directory"] == str(store)
        assert line["token"] is False
        url = line["metrics"]
        assert url.startswith("http://127.0.0.1:")
        assert url.endswith("/metrics")
        sidecar.port = int(url.removesuffix("/metrics").rpartition(":")[2])
        assert sidecar.port > 0
        assert sidecar.get("/metrics")[0] == 200
    finally:
        sidecar.destroy()


def test_it_ends_when_it_is_told_to(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """SIGTERM ends it with 0 in seconds, with a scrape in flight and connections left open."""
    uvicorn(1, SIDELIGHT_DIR=str(store)).ready()
    with Sidecar(store, tmp_path) as sidecar, worker_with_routes(store, 1000):
        settle(sidecar, 2)
        idle = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=40)
        idle.request("GET", "/healthz")
        idle.getresponse().read()
        silent = socket.create_connection(("127.0.0.1", sidecar.port))
        stuck = socket.socket()
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect(("127.0.0.1", sidecar.port))
        for client in (stuck, flying := socket.create_connection(("127.0.0.1", sidecar.port))):
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        began = time.monotonic()
        assert sidecar.stop() == 0
        assert time.monotonic() - began < 20
        idle.close()
        for client in (silent, stuck, flying):
            client.close()
        assert sidecar.lines[-1]["message"] == "stopped"
