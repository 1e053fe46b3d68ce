"""The drill of errors and latency on one route, with a store in the place of the usual one."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from tests.drill.crowd import Crowd, slow
from tests.drill.drilling import check_drill
from tests.drill.faults import FAULTS
from tests.drill.stack import Stack, stack

SCALE = Fraction(1, 15)
"""Rules every 4 seconds: what vmalert writes is found about a second later."""
MOST = 300.0


@contextmanager
def drilled(where: Path, kind: type[Stack]) -> Iterator[Stack]:
    """The stack after both; each has paged once, by its own alert, and was resolved."""
    faults = {fault.claim: fault for fault in FAULTS}
    with stack(where, SCALE, kind) as found, Crowd(found.port, pace=slow) as crowd:
        check_drill(found, crowd, faults["errors on one route"], MOST)
        check_drill(found, crowd, faults["latency on one route"], MOST)
        yield found
