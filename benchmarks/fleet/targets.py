"""One process that is scraped as every instance of a fleet."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import Any

import uvicorn

from benchmarks.servers import START_SECONDS, free_port

JOB = "shop"
TEXT = (b"content-type", b"text/plain; version=0.0.4")


class Targets:
    """An ASGI application: an instance has a path, and each scrape of it the next page."""

    def __init__(self, pages: Sequence[bytes]) -> None:
        self.scrapes = Counter[str]()
        self._pages = pages
        self._last = len(pages) - 1

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one scrape."""
        path = scope["path"]
        body = self._pages[min(self.scrapes[path], self._last)]
        self.scrapes[path] += 1
        headers = [TEXT, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@contextmanager
def served(targets: Targets) -> Iterator[int]:
    """Their port on this machine."""
    port = free_port()
    config = uvicorn.Config(targets, port=port, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run)
    thread.start()
    try:
        _started(server)
        yield port
    finally:
        server.should_exit = True
        thread.join()


def _started(server: uvicorn.Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if time.monotonic() > deadline:
            raise RuntimeError("the pages are not served")
        time.sleep(0.05)


def scrape_config(port: int, instances: int) -> str:
    """A job whose targets are the instances, each with an address of its own as its name."""
    lines = [f"scrape_configs:\n  - job_name: {JOB}\n    static_configs:"]
    for number in range(instances):
        named = f"instance: '10.0.{number // 250}.{number % 250}:9464'"
        labels = f"{{{named}, __metrics_path__: '/{number}'}}"
        lines.append(f"      - {{targets: ['127.0.0.1:{port}'], labels: {labels}}}")
    return "\n".join([*lines, ""])
