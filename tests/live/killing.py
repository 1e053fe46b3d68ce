"""Workers that are killed while clients ask."""

from collections.abc import Callable

from tests.live.counting import Load, settle
from tests.live.servers import Server, eventually


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
