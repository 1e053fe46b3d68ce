"""Bearer tokens (RFC 6750): which text is a token, how it is sent, and how it is compared.

A token is UTF-8, whatever the locale is. Clients send the bytes of their file: bytes are compared.
"""

import hmac
from pathlib import Path

from sidelight.errors import SettingsError, cause

FILE_EXAMPLE = "--token-file /run/secrets/sidelight-token"


def check(key: str, given: str, shown: str, example: str) -> str:
    """The token in a text, without surrounding white space.

    Raises `SettingsError`, which has ``shown`` in place of the token.
    """
    token = given.strip()
    if not token or not token.isprintable() or " " in token:
        problem = "must be one word of UTF-8, not empty"
        raise SettingsError(key, shown, problem, example)
    return token


def read(path: str) -> str:
    """The token in a file. Raises `SettingsError`."""
    try:
        text = Path(path).read_text("utf-8", "surrogateescape")
    except (OSError, ValueError) as error:
        raise SettingsError(
            "token_file", path, f"can't be read: {cause(error)}", FILE_EXAMPLE
        ) from error
    return check("token_file", text, path, FILE_EXAMPLE)


def authorization(token: str) -> bytes:
    """The value of the header ``Authorization``."""
    return b"Bearer " + token.encode()


def presented(header: str) -> bytes:
    """The token in a header ``Authorization``, as Starlette decodes it; empty without one."""
    kind, _, value = header.encode("latin-1").strip().partition(b" ")
    return value.strip() if kind.lower() == b"bearer" else b""


def matches(given: bytes, token: str) -> bool:
    """Whether a client has presented the token. The time that this takes does not tell how much."""
    return hmac.compare_digest(given, token.encode())
