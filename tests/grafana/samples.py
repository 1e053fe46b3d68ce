"""A real Prometheus with the samples of a recording at a scrape interval, and what rules record."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tests.dashboards.stack import rule_files
from tests.embedded.promql import remote_write
from tests.embedded.promql.oracle_server import OracleServer, oracle_server
from tests.embedded.promql.rule_samples import recorded
from tests.embedded.promql.sample_data import START
from tests.embedded.promql.shipped_queries import rules_of
from tests.grafana import stretching
from tests.grafana.recording import Recording

HOUR: Final = 3_600_000
WEEK: Final = 7 * 24 * HOUR
END: Final = START + 2 * WEEK
"""The time of the newest sample in milliseconds, a whole minute."""
MINUTE: Final = 60_000
ROUTES: Final = {"", "/orders/checkout", "/products/search", "/busy-pool", "/users", "/broken"}
"""The routes of a week, which has few series."""
OPTIONS: Final = (
    "--storage.tsdb.min-block-duration=30d",
    "--storage.tsdb.max-block-duration=30d",
    "--storage.tsdb.retention.time=10y",
    "--enable-feature=exemplar-storage",
)


class World(NamedTuple):
    """The seconds between scrapes, whether there are rules, and whether there is a week of both."""

    seconds: int
    rules: bool = True
    week: bool = False


WORLDS: Final = {
    "15 s": World(15),
    "30 s": World(30),
    "60 s": World(60),
    "30 s without rules": World(30, rules=False),
    "a week": World(120, week=True),
}


class Filled(NamedTuple):
    """The port of a Prometheus, and the scrape interval of its samples as Grafana is told it."""

    port: int
    scrape: str


@contextmanager
def filled(command: str, recording: Recording, world: World, where: Path) -> Iterator[Filled]:
    """A Prometheus with the samples of a world."""
    step = world.seconds * 1000
    if world.week:
        blocks = stretching.repeated(recording.of(("shop", "native"), ROUTES), step, END, WEEK)
    else:
        blocks = stretching.stretched(recording, step, END)
    with oracle_server(command, blocks, where / "prometheus", *OPTIONS) as server:
        remote_write.send_exemplars(server.port, stretching.exemplars(recording, step, END))
        if world.rules:
            _evaluate(server, where, _times(world))
        yield Filled(server.port, f"{world.seconds}s")


def _times(world: World) -> range:
    """Each minute of the last hour and of the time that its first values need; less of a week."""
    since, each = (WEEK, 5) if world.week else (75 * MINUTE, 1)
    return range(END - since, END + 1, each * MINUTE)


def _evaluate(server: OracleServer, where: Path, times: range) -> None:
    for path in rule_files(where):
        for found in recorded(server, rules_of(path), times):
            remote_write.send(server.port, [found])
