"""Access to pages and WebSockets."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from sidelight.embedded.viewer.security import SecurityMiddleware

HERE = "http://127.0.0.1:9465"


def client(token: str | None = None) -> TestClient:
    async def page(_: Request) -> Response:
        return PlainTextResponse("page")

    async def socket(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("accepted")
        await socket.close()

    routes = [
        Route("/", page),
        Route("/_nicegui_ws/poll", page),
        WebSocketRoute("/_nicegui_ws/x", socket),
    ]
    return TestClient(
        SecurityMiddleware(Starlette(routes=routes), token, ["viewer.example"]), base_url=HERE
    )


def accepted(client: TestClient, **headers: str) -> bool:
    try:
        with client.websocket_connect(
            "ws://127.0.0.1:9465/_nicegui_ws/x", headers=headers
        ) as found:
            return found.receive_text() == "accepted"
    except WebSocketDisconnect:
        return False


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.1:9465", 200), ("viewer.example", 200), ("evil.example", 421)]
)
def test_hosts(host: str, status: int) -> None:
    """IP addresses and allowed host names are accepted; another name is refused."""
    assert client().get("/", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, True),
        ({"origin": HERE}, True),
        ({"origin": "http://127.0.0.1:8000"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"host": "evil.example"}, False),
        ({"host": "evil.example", "origin": "http://evil.example"}, False),
    ],
)
def test_websockets(headers: dict[str, str], expected: bool) -> None:  # noqa: FBT001 a case
    """A WebSocket is accepted only from the viewer's origin and under an allowed host."""
    assert accepted(client(), **headers) is expected


def test_pages_and_websockets_require_the_token() -> None:
    """Pages and WebSockets are refused without the token and with a wrong token."""
    guarded = client("word")
    assert guarded.get("/").status_code == 401
    assert "set-cookie" not in guarded.get("/", auth=("any", "wrong")).headers
    assert not accepted(guarded)
    assert accepted(guarded, authorization="Bearer word")


def test_a_page_sets_a_cookie_for_its_websocket() -> None:
    """A client with the token receives a cookie for the WebSockets of this process only."""
    guarded = client("word")
    cookie = guarded.get("/", auth=("any", "word")).headers["set-cookie"]
    assert cookie.endswith("; Path=/_nicegui_ws/; HttpOnly; SameSite=Strict")
    cookie_pair = cookie.partition(";")[0]
    assert accepted(guarded, cookie=cookie_pair)
    assert not accepted(client("word"), cookie=cookie_pair)
    assert client("word").get("/", headers={"cookie": cookie_pair}).status_code == 401


def test_the_cookie_is_refused_under_a_foreign_host() -> None:
    """A WebSocket with the cookie is refused under a host name that is not allowed."""
    guarded = client("word")
    cookie_pair = guarded.get("/", auth=("any", "word")).headers["set-cookie"].partition(";")[0]
    assert accepted(guarded, cookie=cookie_pair, host="viewer.example")
    assert not accepted(guarded, cookie=cookie_pair, host="evil.example")


@pytest.mark.parametrize("other", ['a={"b": 1}', "b[c]=d", "x", "f@g=h; i"])
def test_malformed_cookies_are_ignored(other: str) -> None:
    """Cookies of other sites on the host do not affect the viewer's own cookie."""
    guarded = client("word")
    cookie_pair = guarded.get("/", auth=("any", "word")).headers["set-cookie"].partition(";")[0]
    for cookie in (f"{other}; {cookie_pair}", f"{cookie_pair}; {other}"):
        assert accepted(guarded, cookie=cookie)
    assert not accepted(guarded, cookie=other)


@pytest.mark.parametrize(
    ("origin", "status"),
    [(HERE, 200), ("https://evil.example", 403), ("null", 403), ("http://127.0.0.1:8000", 403)],
)
def test_requests_in_place_of_a_websocket_have_the_same_origin(origin: str, status: int) -> None:
    """NiceGUI's requests in place of a WebSocket are refused from another origin."""
    answer = client().get("/_nicegui_ws/poll", headers={"origin": origin})
    assert answer.status_code == status
    assert client().get("/", headers={"origin": origin}).status_code == 200


def test_headers_restrict_a_page_to_its_host() -> None:
    """Answers and refusals have the security headers."""
    for answer in (client().get("/"), client("word").get("/")):
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
