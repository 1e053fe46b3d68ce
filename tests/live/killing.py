"""Workers that are killed while clients ask, and whether every request was counted once."""

from collections.abc import Callable

from tests.live.servers import Server, eventually
from tests.live.traffic import Load, requests, scrape, settle


def replaced(server: Server, gone: int, workers: int) -> Callable[[], bool]:
    """Whether the supervisor has put a new worker in place of one that is gone."""
    return lambda: gone not in server.workers() and len(server.workers()) == workers


def kill_under_load(server: Server, load: Load, kills: int, workers: int) -> None:
    """Kill the eldest worker, again and again, each time after some more answers."""
    for _ in range(kills):
        seen = load.total
        eventually(lambda seen=seen: load.total > seen + 50)  # type: ignore[misc]
        victim = server.workers()[0]
        server.kill(victim)
        eventually(replaced(server, victim, workers))
        settle(server, workers)


def check_counts(load: Load, server: Server) -> None:
    """The page's counts are the clients', give or take requests that got no answer."""
    counted = requests(scrape(server))
    for asked in {*load.answered, *load.cut, *counted}:
        if asked.route in {"/pid", "/hold/{seconds}"}:
            continue
        low, high = load.answered[asked], load.answered[asked] + load.cut[asked]
        assert low <= counted[asked] <= high, (asked, low, counted[asked], high)
    assert not load.wrong
