"""Values of environment variables, read as UTF-8 whatever the locale is."""

import os


def utf8(value: str) -> str:
    """A value of ``os.environ``, whose bytes Python has decoded by the locale.

    Bytes that are not UTF-8 become lone surrogates, which no setting accepts.
    """
    try:
        return os.fsencode(value).decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a mapping of another origin has text that no variable can have
        return value
