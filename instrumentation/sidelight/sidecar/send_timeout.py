"""A response that gives up on a client that has stopped reading."""

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

PIECE = 64 * 1024
SECONDS = 30.0


class SendTimeoutResponse(Response):
    """Sends its body in pieces, each as soon as the client has read enough of the last.

    A client that reads nothing for half a minute is disconnected, which frees the body's memory.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 it is ASGI's
        """Send the response. Raises TimeoutError."""
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        body = memoryview(self.body)
        for at in range(0, len(body), PIECE):
            with anyio.fail_after(SECONDS):
                await send(
                    {
                        "type": "http.response.body",
                        "body": bytes(body[at : at + PIECE]),
                        "more_body": at + PIECE < len(body),
                    }
                )
        if not body:
            await send({"type": "http.response.body", "body": b""})
