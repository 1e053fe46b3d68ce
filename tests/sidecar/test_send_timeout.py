"""Pages for clients that read slowly, or not at all."""

import anyio
import pytest
from starlette.types import Message

from sidelight.sidecar import send_timeout
from sidelight.sidecar.send_timeout import PIECE, SendTimeoutResponse


async def receive() -> Message:
    return {"type": "http.request"}


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1, 3 * PIECE])
def test_the_whole_body_arrives(size: int) -> None:
    """In pieces of which the last says that it is the last."""
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    anyio.run(SendTimeoutResponse(body, headers={"x-own": "yes"}), {"type": "http"}, receive, send)
    start, *pieces = sent
    assert start["status"] == 200
    assert (b"x-own", b"yes") in start["headers"]
    assert (b"content-length", str(size).encode()) in start["headers"]
    assert b"".join(piece["body"] for piece in pieces) == body
    assert [piece.get("more_body", False) for piece in pieces] == [True] * (len(pieces) - 1) + [
        False
    ]
    assert max(len(piece["body"]) for piece in pieces) <= PIECE


def test_a_client_that_makes_no_room_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, whatever is left of the page."""
    monkeypatch.setattr(send_timeout, "SECONDS", 0.01)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await anyio.sleep_forever()

    with pytest.raises(TimeoutError):
        anyio.run(SendTimeoutResponse(b"x" * PIECE * 2), {"type": "http"}, receive, send)
