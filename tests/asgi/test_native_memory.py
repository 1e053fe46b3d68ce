"""The native way where memory is short, and over many requests."""

import faulthandler
import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sidelight.extension import extension
from tests.asgi.driver import run
from tests.asgi.stepped import OK, Steps

pytestmark = [
    pytest.mark.newest,
    pytest.mark.skipif(extension is None, reason="there is no native way"),
]

WITHOUT_MEMORY = """
import faulthandler, gc, logging, sys
faulthandler.enable()
from _testcapi import remove_mem_hooks, set_nomemory
from tests.asgi.stepped import Steps

logging.disable()
steps = Steps()
steps.begin().send(None)
gc.collect()
gc.disable()
answered = failed = 0
for number in range(int(sys.argv[1]), int(sys.argv[2])):
    steps.sent.clear()
    request = None
    try:
        set_nomemory(number, number + 1)
        request = steps.begin()
        request.send(None)
        request.send(None)
    except StopIteration:
        remove_mem_hooks()
        answered += 1
        assert len(steps.sent) == 2, steps.sent
    except MemoryError:
        remove_mem_hooks()
        failed += 1
    finally:
        remove_mem_hooks()
    del request
gc.collect()
page = __import__("tests.asgi.driver").asgi.driver.scrape(steps.app)
counted = sum(page.requests.values()) - 3
faults = page.value("sidelight_internal_errors_total")
active = page.value("http_server_active_requests")
assert active == 0, active
print(answered, failed, int(counted), int(faults))
"""
ALLOCATIONS = 60
"""More than a request makes: the last ones must all be answered and counted."""


@pytest.mark.slow
def test_an_allocation_that_fails_is_the_applications_or_a_fault() -> None:
    """Each allocation of a request fails once: it is answered, or its MemoryError is raised."""
    pytest.importorskip("_testcapi", reason="this interpreter has no allocations that fail")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_MEMORY, "0", str(ALLOCATIONS)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answered, failed, counted, faults = map(int, done.stdout.split())
    assert answered + failed == ALLOCATIONS
    assert answered > ALLOCATIONS / 2
    assert answered - faults <= counted <= ALLOCATIONS


def memory() -> int:
    """Bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.timeout(900)
def test_a_million_requests_need_no_more_memory() -> None:
    """Neither memory nor objects grow, and each request is counted."""
    steps = Steps()

    async def many(number: int) -> None:
        for _ in range(number):
            await steps.begin()
            steps.sent.clear()

    def held() -> tuple[int, int]:
        gc.collect()
        return len(gc.get_objects()), memory()

    assert faulthandler.is_enabled()
    run(many(50_000))
    objects, used = held()
    for _ in range(19):
        run(many(50_000))
    objects_after, used_after = held()
    assert objects_after - objects < 5_000  # slow requests and blocked loops are remembered
    assert used_after - used < 8_000_000  # less than the smallest allocation for each request
    assert steps.counted == {OK: 1_000_002}
