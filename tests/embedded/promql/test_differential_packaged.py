"""Every query that Sidelight ships: a real Prometheus and ours answer the same."""

import re
from typing import Final

import pytest

from tests.embedded.promql.asking import Court, Verdict, When
from tests.embedded.promql.known import differs
from tests.embedded.promql.packaged import Shipped, shipped
from tests.embedded.promql.scraped import END, LATE
from tests.embedded.promql.worlds import START, STEP

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

ALIGNED: Final = (
    When(END),
    When(START + LATE * STEP + 9_000),  # when rules record
    When(START, END, 30_000),
    When(END - 5 * STEP + 457, END + 300_000 + 457, 59_000),
)
OFF: Final = (When(END + 457), When(START + 457, END + 457, 30_000))


def verdicts(court: Court, times: tuple[When, ...], one: Shipped) -> list[Verdict]:
    return [court.verdict(one.text, when) for when in times]


def check(court: Court, times: tuple[When, ...], asked: list[Shipped]) -> None:
    """All agree, none is refused, and most of them answer something."""
    wrong, refused, full = [], [], 0
    for one in asked:
        found = verdicts(court, times, one)
        wrong += [f"{one.place}: {verdict}" for verdict in found if verdict.wrong]
        refused += [f"{one.place}: {v.ours.message}: {one.text}" for v in found if v.refused]
        full += any(verdict.sort == "full" for verdict in found)
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:20])
    assert not refused, f"{len(refused)} refused:\n" + "\n".join(refused[:20])
    assert full > 0.6 * len(asked), f"only {full} of {len(asked)} answer something"


def test_prometheus_3_agrees(shop: Court) -> None:
    """Every query of every dashboard and rule has Prometheus 3's answers, none is refused."""
    check(shop, ALIGNED, shipped())


@pytest.mark.slow
def test_prometheus_2_agrees(older_shop: Court) -> None:
    """Every query of every dashboard and rule has Prometheus 2's answers between the samples."""
    check(older_shop, OFF, [one for one in shipped() if not differs(one.text)])


def test_queries_are_whole() -> None:
    """No variable of Grafana's is left in what is asked."""
    assert len(shipped()) > 300
    assert [one for one in shipped() if re.search(r"\$(?!1|\{1\})", one.text)] == []
