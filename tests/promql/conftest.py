"""Real Prometheus servers with the same samples as a source in memory: made once for all tests."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

if any(find_spec(name) is None for name in ("numpy", "promql_parser", "re2", "cramjam")):
    collect_ignore_glob = ["test_*.py"]  # what the oldest set-up does without
else:
    from tests.promql import remote_write, scraped
    from tests.promql.asking import Court
    from tests.promql.blocks import Memory
    from tests.promql.known import raised
    from tests.promql.referees import program, referee
    from tests.promql.worlds import world

    NEWER = "there is no Prometheus 3 here: on Debian, `make system` unpacks one"
    OLDER = "there is no Prometheus 2 here (Debian 12: apt install prometheus)"

    @pytest.fixture(scope="session")
    def newer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
        """Prometheus 3 over samples at whole seconds."""
        command = program(3) or pytest.skip(NEWER)
        blocks = world(0)
        with referee(command, blocks, tmp_path_factory.mktemp("newer") / "prometheus") as found:
            yield Court(found, Memory(blocks))

    @pytest.fixture(scope="session")
    def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
        """Prometheus 2 over samples where it agrees with 3."""
        command = program(2) or pytest.skip(OLDER)
        blocks = raised(world(137), 2.0**12)
        with referee(command, blocks, tmp_path_factory.mktemp("older") / "prometheus") as found:
            yield Court(found, Memory(blocks))

    @pytest.fixture(scope="session")
    def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
        """Prometheus 3 over what the example shop said under load, and what its rules record."""
        command = program(3) or pytest.skip(NEWER)
        where = tmp_path_factory.mktemp("shop")
        yield from _of_the_shop(command, where, raise_counters=False)

    @pytest.fixture(scope="session")
    def older_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
        """Prometheus 2 over the same, where it agrees with 3."""
        command = program(2) or pytest.skip(OLDER)
        where = tmp_path_factory.mktemp("older-shop")
        yield from _of_the_shop(command, where, raise_counters=True)

    def _of_the_shop(command: str, where: Path, *, raise_counters: bool) -> Iterator[Court]:
        phase = 137 if raise_counters else 0
        blocks = scraped.blocks(scraped.pages(where), phase)
        if raise_counters:
            blocks = raised(blocks, 2.0**30)  # some count bytes
        with referee(command, blocks, where / "prometheus") as found:
            for block in scraped.recorded(found, phase):
                remote_write.send(found.port, [block])
                blocks.append(block)
            yield Court(found, Memory(blocks))
