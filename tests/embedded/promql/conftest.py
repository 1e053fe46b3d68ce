"""Real Prometheus servers with the same samples as a source in memory: made once for all tests."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

if any(find_spec(name) is None for name in ("numpy", "promql_parser", "re2", "cramjam")):
    collect_ignore_glob = ["test_*.py"]  # what the oldest set-up does without
else:
    from sidelight.embedded.promql.source import Block
    from tests.embedded.promql import remote_write, scraped
    from tests.embedded.promql.asking import Court
    from tests.embedded.promql.blocks import Memory
    from tests.embedded.promql.known import raised
    from tests.embedded.promql.referees import program, referee
    from tests.embedded.promql.worlds import START, world
    from tests.live.traffic import Samples

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
    def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Samples]:
        """What the example shop said under load."""
        return scraped.pages(tmp_path_factory.mktemp("pages"))

    @pytest.fixture(scope="session")
    def shop(pages: list[Samples], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
        """Prometheus 3 over those pages, and what the shop's rules record."""
        command = program(3) or pytest.skip(NEWER)
        yield from _with_rules(command, scraped.blocks(pages, 0), tmp_path_factory.mktemp("shop"))

    @pytest.fixture(scope="session")
    def older_shop(
        pages: list[Samples], tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[Court]:
        """Prometheus 2 over the same, where it agrees with 3."""
        command = program(2) or pytest.skip(OLDER)
        blocks = raised(scraped.blocks(pages, 137), 2.0**30)  # some count bytes
        yield from _with_rules(command, blocks, tmp_path_factory.mktemp("older-shop"))

    def _with_rules(command: str, blocks: list[Block], where: Path) -> Iterator[Court]:
        with referee(command, blocks, where / "prometheus") as found:
            for block in scraped.recorded(found, int(blocks[0].times[0]) - START):
                remote_write.send(found.port, [block])
                blocks.append(block)
            yield Court(found, Memory(blocks))
