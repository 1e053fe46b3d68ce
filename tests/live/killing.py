"""Workers that are killed while clients ask."""

from collections.abc import Callable

from tests.live.counting import EXITS, Load, Watch, check_counted, counted, scrape, settle, value
from tests.live.servers import Server, eventually


def replaced(server: Server, gone: int, workers: int) -> Callable[[], bool]:
    """Whether the supervisor has put a new worker in place of one that is gone."""
    return lambda: gone not in server.workers() and len(server.workers()) == workers


def kill_under_load(server: Server, load: Load, kills: int, workers: int) -> None:
    """Kill the eldest worker, again and again, each time after some more answers."""
    for _ in range(kills):
        seen = load.total
        eventually(lambda seen=seen: load.total > seen + 50)  # type: ignore[misc] # mypy infers no lambda with a default
        victim = server.workers()[0]
        server.kill(victim)
        eventually(replaced(server, victim, workers))
        settle(server, workers)


def check_killed(server: Server) -> None:
    """What a killed worker of two has counted stays, and the one in its place goes on with it."""
    with Watch(server) as watch, Load(server, 4) as load:
        kill_under_load(server, load, kills=1, workers=2)
        seen = load.total
        eventually(lambda: load.total > seen + 50)
    assert watch.falls == []
    check_counted([load], counted(server))
    eventually(lambda: value(scrape(server), EXITS, how="died") == 1)
