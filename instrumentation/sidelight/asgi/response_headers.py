"""What the headers of a response say of its body."""

from starlette.types import Message

EVENT_STREAM = b"text/event-stream"
NO_CONTENT = frozenset({204, 304})
"""Statuses of responses without a body."""


def content_length(start: Message) -> int | None:
    """The size that the headers announce; None where they announce none."""
    text = _header(start, b"content-length")
    return int(text) if text.isdigit() else None


def is_sent(start: Message, method: str, size: int) -> bool:
    """Whether a client has a whole response once its headers and ``size`` bytes are sent."""
    if method == "HEAD" or start["status"] in NO_CONTENT:
        return True
    length = content_length(start)
    return length is not None and size >= length


def is_event_stream(start: Message) -> bool:
    """Whether the body is an event stream, which lasts as long as its client listens."""
    return _header(start, b"content-type").partition(b";")[0].strip().lower() == EVENT_STREAM


def _header(start: Message, wanted: bytes) -> bytes:
    for name, value in start.get("headers", ()):
        if name.lower() == wanted:
            return bytes(value)
    return b""
