"""One drill: a fault, who tells of it and who doesn't, and its end."""

import time

from tests.drill.crowd import Crowd
from tests.drill.fault import Fault
from tests.drill.inbox import PAGES, Heard
from tests.drill.stack import Stack
from tests.live.servers import eventually

MOST = 240.0
"""Seconds to wait for an alert, or for its end: on a loaded machine, much more than it takes."""


def check_drill(stack: Stack, crowd: Crowd, fault: Fault, most: float = MOST) -> None:
    """The right alert comes, names whom it must, and ends; nobody else is woken, nobody twice."""
    inbox = stack.inbox
    eventually(
        lambda: not stack.query(f'ALERTS{{alertname="{fault.alert}",severity="{fault.severity}"}}'),
        most,
    )
    assert not [one for one in inbox.firing() if one.receiver == PAGES]
    began = time.monotonic()

    def told() -> list[Heard]:
        found = [one for one in inbox.since(began) if fault.is_of(one)]
        return [one for one in found if one.status == "firing"]

    with fault.during(stack, crowd) as names:
        wrong = time.monotonic()
        eventually(told, most)
        first = told()[0]
        assert names(first), (first.labels, first.text)
        cause = eventually(lambda: fault.explained(stack) or {}, most)
        explained = time.monotonic()
    over = time.monotonic()

    def ended() -> bool:
        return not [one for one in inbox.firing() if fault.is_of(one) or one.receiver == PAGES]

    eventually(ended, most)
    heard = inbox.since(began)
    last = [one for one in heard if fault.is_of(one)][-1]
    others = sorted({one.name for one in heard} - {fault.alert})
    print(  # noqa: T201 the figures, for whoever asks with -s
        f"\n{fault.claim}: {fault.alert} after {first.at - wrong:.1f} s, resolved "
        f"{last.at - over:.1f} s after the end; beside it {others or 'nothing'}; "
        f"named after {explained - wrong:.1f} s: {cause['summary']}"
    )
    for one in told():
        assert names(one), (one.labels, one.text)
    nobody_else_is_woken(heard, fault)


def nobody_else_is_woken(heard: list[Heard], fault: Fault) -> None:
    """Pages are the fault's alone, in one group that begins once and ends once."""
    pages = [one for one in heard if one.receiver == PAGES]
    assert {one.name for one in pages} == ({fault.alert} if fault.pages else set()), pages
    assert len({one.group for one in pages}) == int(fault.pages), pages
    began = [tuple(sorted(one.labels.items())) for one in pages if one.status == "firing"]
    assert len(began) == len(set(began)), pages
