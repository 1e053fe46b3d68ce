"""Who may ask the sidecar."""

import base64

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from sidelight.serving.access import Access, credentials, host_of


def client(token: str | None = None, hosts: tuple[str, ...] = ()) -> TestClient:
    routes = [Route(path, lambda _: PlainTextResponse("in")) for path in ("/metrics", "/healthz")]
    return TestClient(Access(Starlette(routes=routes), token, hosts), base_url="http://127.0.0.1")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:9464",
        "[::1]:9464",
        "[::1]",
        "localhost:1",
        "LOCALHOST",
        "10.2.3.4:9",
        "shop.internal:9464",
        "Shop.Internal",
    ],
)
def test_addresses_and_known_names_are_let_in(host: str) -> None:
    """An address can't be rebound, localhost leads here, and a name may be allowed."""
    answer = client(hosts=("shop.internal",)).get("/metrics", headers={"host": host})
    assert (answer.status_code, answer.text) == (200, "in")


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:9464",
        "127.0.0.1.evil.example",
        "localhost.evil",
        "x:y:z",
        "[evil]",
    ],
)
@pytest.mark.parametrize("path", ["/metrics", "/healthz"])
def test_foreign_names_are_refused(host: str, path: str) -> None:
    """A request for an unknown host is refused, and the response names the option."""
    answer = client().get(path, headers={"host": host})
    assert answer.status_code == 421
    assert "--allowed-host" in answer.text


def test_a_token_is_asked_for_in_both_ways() -> None:
    """Without a token the response is 401, and makes a browser ask for a password."""
    answer = client("secret").get("/metrics")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="sidelight", charset="UTF-8", Bearer'


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer secret", 200),
        ("bearer   secret ", 200),
        ("Basic " + base64.b64encode(b"me:secret").decode(), 200),
        ("Basic " + base64.b64encode(b":secret").decode(), 200),
        ("Bearer secre", 401),
        ("Bearer", 401),
        ("secret", 401),
        ("Basic !!!", 401),
        ("Basic " + base64.b64encode(b"secret").decode(), 401),
        ("Basic " + base64.b64encode(b"secret:").decode(), 401),
        ("Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(), 401),
        ("Digest secret", 401),
    ],
)
def test_the_right_token_is_let_in(header: str, status: int) -> None:
    """As a bearer token, or as anybody's password."""
    assert client("secret").get("/metrics", headers={"authorization": header}).status_code == status


def test_probes_need_no_token() -> None:
    """Health tells nothing, and probes have no token."""
    assert client("secret").get("/healthz").text == "in"


def test_without_a_token_none_is_needed() -> None:
    """An unknown header changes nothing."""
    answer = client().get("/metrics", headers={"authorization": "Bearer x"})
    assert answer.text == "in"


def test_an_empty_token_is_not_a_token() -> None:
    """No header is not the same as the right one."""
    assert credentials("") == credentials("Bearer ") == b""
    assert client("secret").get("/metrics", headers={"authorization": ""}).status_code == 401


def test_a_host_is_a_name_without_its_port() -> None:
    """In lower case, and without the brackets of IPv6."""
    texts = "a:1", "A", "[::1]:1", "[::1]", ""
    assert [host_of(text) for text in texts] == ["a", "a", "::1", "::1", ""]


def test_a_websocket_is_closed() -> None:
    """Nothing here speaks that."""
    with (
        pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)),
        client().websocket_connect("/metrics"),
    ):
        pass
