"""Runs FastAPI's and Starlette's own test suites, without Sidelight and with it.

    python -m tests.suites

Each runs as it is, and FastAPI's also where blocking calls on the event loop raise, as Starlette's
does by itself. A last run compares what Sidelight counts with FastAPI's own telemetry. It is an
error when a test fails that passes without Sidelight, when a suite hangs, or when the two differ in
other requests than `differences.toml` lists.
"""

import sys
import tomllib
from collections import Counter

from tests.suites.suites import HERE, Difference, Report, Suite, run

STARLETTE = Suite("starlette")
FASTAPI = Suite("fastapi", ("docs_src",))
LEAST_AGREEMENT = 0.999


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
    failing = [test for test in passed if measured.outcomes.get(test) != "passed"]
    for test in failing:
        print(f"  fails with Sidelight only: {test}")
    return len(failing) if passed else 1


def summary(report: Report) -> str:
    """The number of tests by outcome."""
    counts = Counter(report.outcomes.values())
    failed = counts["failure"] + counts["error"]
    return f"{counts['passed']} passed, {failed} failed, {counts['skipped']} skipped"


def compared(report: Report) -> int:
    """Print how many requests agree; the number of tests that differ otherwise than is listed."""
    listed = tomllib.loads((HERE / "differences.toml").read_text())["difference"]
    expected = {test: each["requests"] for each in listed for test in each["tests"]}
    found: Counter[str] = Counter()
    for test, differences in report.differences.items():
        found[test.partition("[")[0]] += sum(map(requests, differences))
    unlisted = sum((found - Counter(expected)).values())
    agreement = 1 - unlisted / max(report.requests, 1)
    print(
        f"oracle: {report.requests} requests, of which {found.total()} differ, "
        f"{found.total() - unlisted} as listed: {agreement:.2%} of the others agree"
    )
    wrong = sorted(test for test in expected | found if expected.get(test, 0) != found[test])
    for test in wrong:
        print(f"  {test}: {found[test]} differ, {expected.get(test, 0)} are listed")
    for test, differences in report.differences.items():
        if test.partition("[")[0] in wrong:
            print(f"  {test}: {differences}")
    return len(wrong) + (agreement < LEAST_AGREEMENT) + (not report.requests)


def requests(difference: Difference) -> int:
    """The number of requests in a difference: the larger of its two sides."""
    return max(sum(int(number) for _, number in side) for side in difference)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
