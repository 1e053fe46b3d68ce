"""Who may look: in front of pages and WebSockets alike."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from sidelight.embedded.viewer.guard import Guard

HERE = "http://127.0.0.1:9465"


def client(token: str | None = None) -> TestClient:
    async def page(_: Request) -> Response:
        return PlainTextResponse("page")

    async def socket(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("let in")
        await socket.close()

    routes = [
        Route("/", page),
        Route("/_nicegui_ws/poll", page),
        WebSocketRoute("/_nicegui_ws/x", socket),
    ]
    return TestClient(Guard(Starlette(routes=routes), token, ["viewer.example"]), base_url=HERE)


def let_in(client: TestClient, **headers: str) -> bool:
    try:
        with client.websocket_connect(
            "ws://127.0.0.1:9465/_nicegui_ws/x", headers=headers
        ) as found:
            return found.receive_text() == "let in"
    except WebSocketDisconnect:
        return False


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.1:9465", 200), ("viewer.example", 200), ("evil.example", 421)]
)
def test_names(host: str, status: int) -> None:
    """Addresses and allowed names are let in; a name of somebody else's is not."""
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
def test_sockets(headers: dict[str, str], expected: bool) -> None:  # noqa: FBT001 a case
    """A WebSocket must come from the viewer's own page, under one of its own names."""
    assert let_in(client(), **headers) is expected


def test_a_token_is_for_pages_and_sockets() -> None:
    """Without the token there is neither page nor socket; a wrong one is none."""
    guarded = client("word")
    assert guarded.get("/").status_code == 401
    assert "set-cookie" not in guarded.get("/", auth=("any", "wrong")).headers
    assert not let_in(guarded)
    assert let_in(guarded, authorization="Bearer word")


def test_a_page_shown_lets_its_socket_in() -> None:
    """Who has shown the token gets a cookie for WebSockets only, good for this process only."""
    guarded = client("word")
    cookie = guarded.get("/", auth=("any", "word")).headers["set-cookie"]
    assert cookie.endswith("; Path=/_nicegui_ws/; HttpOnly; SameSite=Strict")
    held = cookie.partition(";")[0]
    assert let_in(guarded, cookie=held)
    assert not let_in(client("word"), cookie=held)
    assert client("word").get("/", headers={"cookie": held}).status_code == 401


@pytest.mark.parametrize("other", ['a={"b": 1}', "b[c]=d", "x", "f@g=h; i"])
def test_cookies_of_others_don_t_matter(other: str) -> None:
    """Whoever else is at this host may have set any; a reader is known all the same."""
    guarded = client("word")
    held = guarded.get("/", auth=("any", "word")).headers["set-cookie"].partition(";")[0]
    for cookie in (f"{other}; {held}", f"{held}; {other}"):
        assert let_in(guarded, cookie=cookie)
    assert not let_in(guarded, cookie=other)


@pytest.mark.parametrize(
    ("origin", "status"),
    [(HERE, 200), ("https://evil.example", 403), ("null", 403), ("http://127.0.0.1:8000", 403)],
)
def test_what_stands_for_a_socket_comes_from_a_page_of_its_own(origin: str, status: int) -> None:
    """Requests by which NiceGUI does without WebSockets are refused from where those would be."""
    answer = client().get("/_nicegui_ws/poll", headers={"origin": origin})
    assert answer.status_code == status
    assert client().get("/", headers={"origin": origin}).status_code == 200


def test_headers_keep_a_page_to_its_host() -> None:
    """A refusal has them too."""
    for answer in (client().get("/"), client("word").get("/")):
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
