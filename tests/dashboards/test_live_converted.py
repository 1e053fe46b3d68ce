"""A Prometheus that converts histograms (NHCB) records what one with classic histograms does."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from tests.dashboards.comparing import answer
from tests.dashboards.stack import rule_files
from tests.dashboards.steady import growing, page_of_the_shop
from tests.dashboards.test_live_fed import RECORDED, SCALE, WITHIN, full
from tests.live.newer import newer
from tests.live.prometheus import prometheus, query
from tests.live.servers import eventually
from tests.marks import slow_live

pytestmark = slow_live(600, "fed")


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """Both scrape one page; the first keeps classic histograms, the second converts them."""
    rules = [str(file) for file in rule_files(tmp_path, SCALE)]
    with ExitStack() as parts:
        target = parts.enter_context(growing(page_of_the_shop(tmp_path)))
        found = []
        for converts in (False, True):
            scraping = {
                "job_name": "shop",
                "convert_classic_histograms_to_nhcb": converts,
                "static_configs": [{"targets": [f"127.0.0.1:{target}"]}],
            }
            config = {
                "global": {"scrape_interval": "2s", "scrape_timeout": "2s"},
                "scrape_configs": [scraping],
                "rule_files": rules,
            }
            where = tmp_path / f"converts-{converts}"
            where.mkdir()
            native, program = "--enable-feature=native-histograms", newer("prometheus")
            text = yaml.safe_dump(config)
            found.append(parts.enter_context(prometheus(text, where, native, program=program)))
        eventually(lambda: all(map(full, found)), 240)
        yield found[0], found[1]


def test_what_is_recorded(ports: tuple[int, int]) -> None:
    """All recorded series but those of buckets are there, with the same values."""
    buckets = 'http_server_request_duration_seconds_bucket{job="shop"}'
    assert [bool(query(port, buckets)) for port in ports] == [True, False]
    at = time.time() - 3
    classic, converted = (answer(port, RECORDED, at) for port in ports)
    expected = {key: value for key, value in classic.items() if "_le:" not in dict(key)["__name__"]}
    assert len(expected) > 300
    assert converted.keys() == expected.keys()
    assert converted == pytest.approx(expected, rel=WITHIN)
