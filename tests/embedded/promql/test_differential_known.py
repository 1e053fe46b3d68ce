"""Where Prometheus 2.42 and 3.5 differ is known, so that 2.42 is asked all else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given, settings

from tests.embedded.promql.asking import Court, Verdict
from tests.embedded.promql.conftest import NEWER
from tests.embedded.promql.grammar import queries
from tests.embedded.promql.known import DIFFERENT, FAULT, differs
from tests.embedded.promql.referees import program, referee
from tests.embedded.promql.test_differential_generated import OFF, QUIET

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def successor(older: Court, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    """Prometheus 3 over the samples that Prometheus 2 has."""
    command = program(3) or pytest.skip(NEWER)
    where: Path = tmp_path_factory.mktemp("successor") / "prometheus"
    with referee(command, older.source.blocks, where) as found:
        yield Court(found, older.source)


def differing(older: Court, successor: Court, query: str) -> str:
    """How their answers differ at some time."""
    for when in OFF:
        theirs, others = successor.theirs(query, when), older.theirs(query, when)
        verdict = Verdict(query, when, theirs, others, successor)
        if verdict.wrong:
            return str(verdict)
    return ""


@pytest.mark.parametrize("reason", [why for why, (_, example) in DIFFERENT.items() if example])
def test_known_differences_are_real(older: Court, successor: Court, reason: str) -> None:
    """What 2.42 isn't asked, it does answer otherwise."""
    pattern, example = DIFFERENT[reason]
    assert example
    assert differs(example), pattern
    assert differing(older, successor, example)


def test_known_fault_is_real(newer: Court) -> None:
    """What isn't asked of Prometheus 3 is what it does not do itself as it says."""
    query, at = "timestamp(up @ 1700000940 offset 7m)", OFF[1]
    assert FAULT.search(query)
    assert not newer.theirs(query, at).points
    assert newer.theirs("up @ 1700000940 offset 7m", at).points


def test_no_other_differences(older: Court, successor: Court) -> None:
    """On whatever else is generated, 2.42 and 3.5 agree between the samples' times."""

    @settings(
        max_examples=300,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=QUIET,
    )
    @given(queries())
    def check(query: str) -> None:
        assume(not differs(query) and not FAULT.search(query))
        assert not differing(older, successor, query)

    check()
