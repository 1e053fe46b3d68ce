"""Runs FastAPI's and Starlette's own test suites, without Sidelight and with it.

    python -m tests.suites

Each runs as it is, and FastAPI's also where blocking calls on the event loop raise, as Starlette's
does by itself. A last run compares what Sidelight counts with FastAPI's own telemetry. It is an
error when a test fails that passes without Sidelight, when a suite hangs, or when the two differ in
other requests than `differences.toml` lists.
"""

import sys
from collections import Counter

from tests.suites import agreement
from tests.suites.suites import Report, Suite, run

STARLETTE = Suite("starlette")
FASTAPI = Suite("fastapi", ("docs_src",))


def main() -> int:
    """Run all; the number of things that are wrong."""
    return (
        broken(STARLETTE, "starlette")
        + broken(FASTAPI, "fastapi")
        + broken(FASTAPI, "fastapi-blockbuster", SUITE_BLOCKBUSTER="1")
        + compared(run(FASTAPI, "fastapi-compared", SUITE_SIDELIGHT="1", SUITE_ORACLE="1"))
    )


def broken(suite: Suite, name: str, **switches: str) -> int:
    """Print how two runs end; the number of tests that fail with Sidelight and pass without."""
    bare = run(suite, f"{name}-bare", **switches)
    measured = run(suite, f"{name}-measured", **switches, SUITE_SIDELIGHT="1")
    print(f"{name}: {summary(bare)}; with Sidelight {summary(measured)}", flush=True)
    passed = [test for test, outcome in bare.outcomes.items() if outcome == "passed"]
    failing = not_passed(passed, measured)
    if failing:  # a busy machine exceeds their time limits: once more, without all others
        again = run(suite, f"{name}-again", failing, **switches, SUITE_SIDELIGHT="1")
        failing = not_passed(failing, again)
        print(f"  again, by themselves: {summary(again)}", flush=True)
    for test in failing:
        print(f"  fails with Sidelight only: {test}", flush=True)
    return len(failing) if passed else 1


def not_passed(tests: list[str], report: Report) -> list[str]:
    """Those of some tests that did not pass in a run."""
    return [test for test in tests if report.outcomes.get(test) != "passed"]


def summary(report: Report) -> str:
    """The number of tests by outcome."""
    counts = Counter(report.outcomes.values())
    failed = counts["failure"] + counts["error"]
    return f"{counts['passed']} passed, {failed} failed, {counts['skipped']} skipped"


def compared(report: Report) -> int:
    """Print how many requests agree; the number of tests that differ otherwise than is listed."""
    found = agreement.of(report, agreement.listed())
    print("\n".join(found.lines()))
    return len(found.wrong) + (not report.requests)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
