"""A service whose load never changes: each counter of its page grows evenly.

Every window has then the same rate, however an engine treats the edges of a window.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np

from sidelight.embedded.promql.storage import SampleBlock
from tests.dashboards.shoppers import shoppers
from tests.dashboards.stack import SHOP, served
from tests.live.counting import Samples, samples
from tests.live.servers import eventually, of_uvicorn
from tests.live.sidecars import Sidecar
from tests.serving import serving

STEP = 20
"""Seconds between two samples."""
BEFORE, AFTER = 3_900, 500
"""Seconds of samples before now, and after, since rules go on to be evaluated.

Prometheus takes none that is ten minutes in the future."""
AT_ONCE = 75
"""Samples of a series in a block: Prometheus takes none that is an hour older than the newest."""
COUNTERS = ("_total", "_bucket", "_count", "_sum")


def page_of_the_shop(where: Path) -> Samples:
    """The page of a shop that was used."""
    with used_shop(where) as sidecar:
        return samples(sidecar.get("/metrics")[1])


@contextmanager
def used_shop(where: Path, **env: str) -> Iterator[Sidecar]:
    """The sidecar, with these settings, of a shop that is used."""
    store = where / "store"
    of_shop = {"SIDELIGHT_DIR": str(store), "SIDELIGHT_PHASE_SAMPLE_INTERVAL": "1"}
    with (
        served("app:app", where, of_shop, *of_uvicorn(2), folder=SHOP) as shop,
        Sidecar(store, where, **env) as sidecar,
    ):
        eventually(lambda: 'sidelight_workers{state="serving"} 2' in sidecar.get("/metrics")[1])
        with shoppers(shop):
            time.sleep(15)
            yield sidecar


def with_scrape(page: Samples) -> Samples:
    """A page, and what a scrape of it adds."""
    scrape = {"up": 1.0, "scrape_duration_seconds": 0.01, "scrape_samples_scraped": 1_000.0}
    return page | {(name, frozenset[tuple[str, str]]()): value for name, value in scrape.items()}


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


@contextmanager
def growing(page: Samples) -> Iterator[int]:
    """A port whose page has after each minute once more what the counters had."""
    began = time.monotonic()
    lines = [
        (_series(name, pairs), value, name.endswith(COUNTERS))
        for (name, pairs), value in page.items()
    ]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            growth = 1 + (time.monotonic() - began) / 60
            body = "".join(
                f"{series} {value * growth if grows else value!r}\n"
                for series, value, grows in lines
            )
            data = body.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    with serving(Handler) as port:
        yield port


def _series(name: str, pairs: frozenset[tuple[str, str]]) -> str:
    return name + "{" + ",".join(f'{key}="{text}"' for key, text in pairs) + "}"
