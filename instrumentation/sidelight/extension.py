"""The native extension, where it was built and SIDELIGHT_PURE does not turn it off."""

import os
from importlib import import_module
from typing import Any

PURE = "SIDELIGHT_PURE"
"""Set to anything but an empty text or 0, it chooses the Python way."""
BUILD = "SIDELIGHT_NATIVE"
"""At build time, 0 leaves the extension out and 1 makes it an error where it is not compiled."""


def load() -> Any:
    """The module ``sidelight._fastpath``, or None."""
    if os.environ.get(PURE, "0") not in {"", "0"}:
        return None
    try:
        return import_module("sidelight._fastpath")
    except ImportError:  # no wheel for this platform, and no compiler when it was installed
        return None


extension = load()
WAY = "python" if extension is None else "native"
"""The way of common requests, as the label ``fast_path`` has it."""
