"""What this server says of itself."""

import json

from sidelight.embedded.api.answers import Data
from sidelight.runtime.about import version

SPOKEN = "3.5.0"
"""The Prometheus whose API and query language these are; clients choose their requests by it."""


def buildinfo() -> Data:
    """``/api/v1/status/buildinfo``."""
    about = {
        "version": SPOKEN,
        "revision": f"sidelight {version('sidelight')}",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }
    return Data(json.dumps(about))
