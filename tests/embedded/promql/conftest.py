"""Real Prometheus servers with the samples of a source in memory, started once for all tests."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

if any(find_spec(name) is None for name in ("numpy", "promql_parser", "re2", "cramjam")):
    collect_ignore_glob = ["test_*.py", "*/test_*.py"]  # not in the oldest environment
else:
    from sidelight.embedded.promql.storage import SampleBlock
    from tests.embedded.promql import remote_write, shop_samples
    from tests.embedded.promql.comparison import Oracle
    from tests.embedded.promql.known_differences import with_raised_counters
    from tests.embedded.promql.native_samples import native_blocks
    from tests.embedded.promql.oracle_server import NATIVE_HISTOGRAMS, oracle_server, program
    from tests.embedded.promql.sample_blocks import MemorySource
    from tests.embedded.promql.sample_data import START, sample_blocks
    from tests.live.counting import Samples

    NO_PROMETHEUS_3 = "there is no Prometheus 3 here: on Debian, `make system` unpacks one"
    NO_PROMETHEUS_2 = "there is no Prometheus 2 here (Debian 12: apt install prometheus)"

    @pytest.fixture(scope="session")
    def prometheus_3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
        """Prometheus 3 over samples at whole seconds."""
        command = program(3) or pytest.skip(NO_PROMETHEUS_3)
        blocks = sample_blocks(0)
        with oracle_server(
            command, blocks, tmp_path_factory.mktemp("prometheus_3") / "prometheus"
        ) as found:
            yield Oracle(found, MemorySource(blocks))

    @pytest.fixture(scope="session")
    def native_prometheus_3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
        """Prometheus 3 with the feature over samples that are native histograms."""
        command = program(3) or pytest.skip(NO_PROMETHEUS_3)
        blocks = native_blocks()
        where = tmp_path_factory.mktemp("native_prometheus_3") / "prometheus"
        with oracle_server(command, blocks, where, NATIVE_HISTOGRAMS) as found:
            yield Oracle(found, MemorySource(blocks), rounded=True)

    @pytest.fixture(scope="session")
    def prometheus_2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
        """Prometheus 2 over samples on which it agrees with 3."""
        command = program(2) or pytest.skip(NO_PROMETHEUS_2)
        blocks = with_raised_counters(sample_blocks(137), 2.0**12)
        with oracle_server(
            command, blocks, tmp_path_factory.mktemp("prometheus_2") / "prometheus"
        ) as found:
            yield Oracle(found, MemorySource(blocks))

    @pytest.fixture(scope="session")
    def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Samples]:
        """The pages of the example shop under load."""
        return shop_samples.pages(tmp_path_factory.mktemp("pages"))

    @pytest.fixture(scope="session")
    def shop_prometheus_3(
        pages: list[Samples], tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[Oracle]:
        """Prometheus 3 over those pages and what the shop's rules record."""
        command = program(3) or pytest.skip(NO_PROMETHEUS_3)
        yield from _with_rules(
            command, shop_samples.blocks(pages, 0), tmp_path_factory.mktemp("shop")
        )

    @pytest.fixture(scope="session")
    def shop_prometheus_2(
        pages: list[Samples], tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[Oracle]:
        """Prometheus 2 over the same pages, changed so that it agrees with 3."""
        command = program(2) or pytest.skip(NO_PROMETHEUS_2)
        blocks = with_raised_counters(shop_samples.blocks(pages, 137), 2.0**30)
        yield from _with_rules(command, blocks, tmp_path_factory.mktemp("prometheus_2-shop"))

    def _with_rules(command: str, blocks: list[SampleBlock], where: Path) -> Iterator[Oracle]:
        with oracle_server(command, blocks, where / "prometheus") as found:
            for block in shop_samples.rule_samples(found, int(blocks[0].times[0]) - START):
                remote_write.send(found.port, [block])
                blocks.append(block)
            yield Oracle(found, MemorySource(blocks))
