"""Memory near its limit: how fast it grows, in which worker, and when it is at the limit."""

import pytest

from tests.why.canned import SHOP, Canned, Rows, alert, only, report

MIB = 1 << 20
AT = {**SHOP, "instance": "a:1"}
OTHER = {**SHOP, "instance": "b:1"}
USED = "The workers on a:1 use 80 % of their memory limit."
UNKNOWN = "which code keeps the memory of a:1: no metric tells"


def rows(growth: float, used: float = 410.0) -> Rows:
    """Two workers of an instance, and one of another; the second one grows faster."""
    return {
        "memory MemoryNearsLimit": [(AT, 0.8)],
        "memory limit": [(OTHER, 64.0 * MIB), (AT, 512.0 * MIB)],
        "memory used": [(OTHER, 60.0 * MIB), (AT, used * MIB)],
        "memory growth": [
            ({**OTHER, "worker": "0"}, 9.0 * MIB),
            ({**AT, "worker": "0"}, growth * MIB / 4),
            ({**AT, "worker": "1"}, growth * MIB * 3 / 4),
        ],
    }


@pytest.mark.parametrize(
    ("given", "growth", "limit"),
    [
        (
            rows(growth=0.1),
            "Their memory grew by 6 MiB a minute over the last 15 min, most of all in worker 1",
            "at that rate it reaches the limit of 512 MiB in 17 min",
        ),
        (
            rows(growth=1 / 1024, used=600.0),
            "Their memory grew by 60 KiB a minute over the last 15 min, most of all in worker 1",
            "the limit is 512 MiB",
        ),
        (
            rows(growth=-1.0),
            "Their memory did not grow over the last 15 min",
            "the limit is 512 MiB",
        ),
    ],
)
def test_growth_and_limit_are_named(given: Rows, growth: str, limit: str) -> None:
    """The cause has its instance's growth, worker and limit, and no time where there is none."""
    near = alert("MemoryNearsLimit", "warning", instance="a:1")
    found = report(Canned(given, alerts=[near], rules=[near.name]))
    cause = only(found)
    assert (cause["kind"], cause["labels"], cause["route"]) == ("memory", AT, None)
    assert cause["summary"] == f"{USED} {growth}; {limit}."
    assert UNKNOWN in found.unknown


def test_an_unknown_limit_is_left_out() -> None:
    """Of a source that has neither limit nor growth, nothing is said of them."""
    near = alert("MemoryNearsLimit", "warning", instance="a:1")
    cause = only(report(Canned({}, alerts=[near], rules=[near.name])))
    assert cause["summary"] == "MemoryNearsLimit of shop."
