"""The values of variables with which each dashboard is drawn, beside All."""

from collections.abc import Mapping, Sequence
from typing import Final

CHOSEN: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "one": {"job": ["shop"]},
    "several": {"job": ["shop", "faulty"], "route": ["/orders/checkout", "/things/{thing_id}"]},
    "gone": {"job": ["gone"], "instance": ["10.0.0.1:8000"]},
    "odd": {"job": ["a'b\\c", ".+|(x", "ä {{job}} $"], "method": ["G'ET"]},
}
