"""An hour of a service whose load never changes: each counter of its page grows evenly.

Every window has then the same rate, however an engine treats the edges of a window.
"""

from collections.abc import Iterator

import numpy as np

from sidelight.embedded.promql.storage import SampleBlock
from tests.live.counting import Samples

STEP = 20
"""Seconds between two samples."""
BEFORE, AFTER = 3_900, 500
"""Seconds of samples before now, and after, since rules go on to be evaluated.

Prometheus takes none that is ten minutes in the future."""
AT_ONCE = 75
"""Samples of a series in a block: Prometheus takes none that is an hour older than the newest."""
COUNTERS = ("_total", "_bucket", "_count", "_sum")


def hour(page: Samples, now: int, job: str = "shop") -> Iterator[SampleBlock]:
    """The samples of the series of a job's page, one block after the other in time."""
    times = np.arange(now - BEFORE, now + AFTER, STEP)
    growth = 1 + (times - times[0]) / 3_600
    labels = [
        {"__name__": name, **{key: text for key, text in pairs if text}, "job": job}
        for name, pairs in page
    ]
    values = [
        value * (growth if name.endswith(COUNTERS) else np.ones(len(times)))
        for (name, _), value in page.items()
    ]
    for each in labels:
        if ":" not in each["__name__"]:  # what rules record is of no instance
            each["instance"] = "a"
    for first in range(0, len(times), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        yield SampleBlock(labels, times[part] * 1_000, np.array([row[part] for row in values]))
