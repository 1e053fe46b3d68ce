"""An answer that doesn't wait for ever for a client that has stopped reading."""

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

PIECE = 64 * 1024
SECONDS = 30.0


class Paced(Response):
    """Sends its body in pieces, each as soon as the client has made room for it.

    A client that makes none for half a minute is cut off, and its page's memory is free.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 it is ASGI's
        """Send it. Raises TimeoutError."""
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
