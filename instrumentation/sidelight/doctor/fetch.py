"""HTTP requests of the checks."""

from base64 import b64encode
from typing import Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from sidelight import bearer_token

MAX_BYTES: Final = 64 * 1024 * 1024
SCHEMES: Final = frozenset({"http", "https"})


def is_url(source: str) -> bool:
    """Whether `fetch` can get it."""
    return urlsplit(source).scheme in SCHEMES


def fetch(
    url: str, timeout: float, token: str | None = None, login: tuple[str, str] | None = None
) -> bytes:
    """The first 64 MiB of the response of an http or https URL.

    ``login`` is a user and a password, in place of a token.

    Raises `OSError`, `ValueError` or `http.client.HTTPException`; a status of 400 or more is an
    `HTTPError`, which is closed, so that its socket is not left open.
    """
    request = Request(url)  # noqa: S310 the callers check the scheme with is_url
    if token:
        # http.client encodes text as Latin-1.
        request.add_header("Authorization", bearer_token.authorization(token).decode("latin-1"))
    if login:
        pair = b64encode(":".join(login).encode()).decode()
        request.add_header("Authorization", f"Basic {pair}")
    try:
        with urlopen(request, timeout=timeout) as response:  # noqa: S310 as above
            body: bytes = response.read(MAX_BYTES)
    except HTTPError as error:
        error.close()
        raise
    return body
