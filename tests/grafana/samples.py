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

END: Final = START + 24 * 3_600_000
"""The time of the newest sample in milliseconds, a whole minute."""
MINUTE: Final = 60_000
RULES_SINCE: Final = 75
"""Minutes before the end from which on rules are evaluated."""
OPTIONS: Final = (
    "--storage.tsdb.min-block-duration=30d",
    "--storage.tsdb.max-block-duration=30d",
    "--storage.tsdb.retention.time=10y",
    "--enable-feature=exemplar-storage",
)


class Filled(NamedTuple):
    """The port of a Prometheus, and the scrape interval of its samples as Grafana is told it."""

    port: int
    scrape: str


@contextmanager
def filled(
    command: str, recording: Recording, seconds: int, where: Path, *, rules: bool = True
) -> Iterator[Filled]:
    """A Prometheus whose samples are so many seconds apart; without rules after an install."""
    step = seconds * 1000
    blocks = stretching.stretched(recording, step, END)
    with oracle_server(command, blocks, where / "prometheus", *OPTIONS) as server:
        remote_write.send_exemplars(server.port, stretching.exemplars(recording, step, END))
        if rules:
            _evaluate(server, where)
        yield Filled(server.port, f"{seconds}s")


def _evaluate(server: OracleServer, where: Path) -> None:
    times = range(END - RULES_SINCE * MINUTE, END + 1, MINUTE)
    for path in rule_files(where):
        for found in recorded(server, rules_of(path), times):
            remote_write.send(server.port, [found])
