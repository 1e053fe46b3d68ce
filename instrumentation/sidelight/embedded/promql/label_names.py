"""Names of labels: any UTF-8, and as they are escaped where only letters and digits may be."""

import re
from typing import Final

from sidelight.embedded.promql.quoting import is_utf8

_ESCAPED_PREFIX: Final = "U__"
_ESCAPED_NAME: Final = re.compile(r"(?:[^_]|__|_[0-9a-fA-F]{1,5}_)*", re.DOTALL)
_ESCAPED_PART: Final = re.compile(r"__|_([0-9a-fA-F]{1,5})_")


def is_label_name(text: str) -> bool:
    """Return whether Prometheus accepts a text as the name of a label."""
    return bool(text) and is_utf8(text)


def unescape_name(name: str) -> str:
    """Return the name that Prometheus's scheme ``values`` has escaped: ``U__a_2e_b`` is ``a.b``.

    https://prometheus.io/docs/instrumenting/escaping_schemes/
    """
    escaped = name.removeprefix(_ESCAPED_PREFIX)
    if escaped == name or not _ESCAPED_NAME.fullmatch(escaped):
        return name
    plain = _ESCAPED_PART.sub(lambda part: chr(int(part[1], 16)) if part[1] else "_", escaped)
    return plain if is_utf8(plain) else name
