"""The native extension, where it was built and SIDELIGHT_PURE does not turn it off."""

import os
from importlib import import_module
from typing import Any

PURE = "SIDELIGHT_PURE"
"""Set to anything but an empty text or 0, it chooses the Python way."""


def load() -> Any:
    """The module ``sidelight._fastpath``, or None."""
    if os.environ.get(PURE, "0") not in {"", "0"}:
        return None
    try:
        return import_module("sidelight._fastpath")
    except ImportError:  # no wheel for this platform, and no compiler when it was installed
        return None


extension = load()
