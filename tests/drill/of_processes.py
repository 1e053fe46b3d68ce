"""Faults of processes and of what measures them, and traffic that ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from tests.drill.crowd import Crowd
from tests.drill.fault import Names
from tests.drill.stack import WORKERS, Stack
from tests.live.counting import settle
from tests.live.servers import eventually

STEADY = "min_over_time({rate}[{half}]) > 1 and {rate} offset {half}"
KILLS = 12
"""A bound; four or five are enough on a quiet machine."""


@contextmanager
def telemetry(stack: Stack, _: Crowd) -> Iterator[Names]:
    """A collector of the application's own metrics raises; no request is affected."""
    broken = stack.where / "broken"
    broken.touch()
    try:
        yield lambda heard: heard.labels["instance"] == stack.instance
    finally:
        broken.unlink()


@contextmanager
def killed(stack: Stack, _: Crowd) -> Iterator[Names]:
    """A worker is killed as soon as the one before has been replaced."""
    enough, failed = Event(), list[BaseException]()

    def kills() -> None:
        service = stack.service
        try:
            for _ in range(KILLS):
                if enough.wait(1):
                    break
                victim = service.workers()[0]
                service.kill(victim)
                eventually(lambda: len(service.workers()) == WORKERS)
                settle(stack.sidecar, WORKERS)
        except BaseException as error:  # noqa: BLE001 told to the test, which runs elsewhere
            failed.append(error)

    thread = Thread(target=kills)
    thread.start()
    try:
        yield lambda heard: heard.labels["instance"] == stack.instance
    finally:
        enough.set()
        thread.join()
    assert not failed


@contextmanager
def stopped(stack: Stack, crowd: Crowd) -> Iterator[Names]:
    """After steady traffic nobody asks any more."""
    rate, half = 'service:http_server_requests:rate5m{job="shop"}', stack.time("30m")
    steady = STEADY.format(rate=rate, half=half)
    eventually(lambda: stack.query(steady), stack.seconds("4h"))
    crowd.pause()
    try:
        yield lambda heard: heard.labels["service"] == "shop"
    finally:
        crowd.resume()


@contextmanager
def down(stack: Stack, _: Crowd) -> Iterator[Names]:
    """The service has ended, and its sidecar has not."""
    stack.service.stop()
    try:
        yield lambda heard: heard.labels["service"] == "shop"
    finally:
        stack.serve()
