"""The API answers a table of requests exactly as a real Prometheus 3 with the same samples."""

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("numpy", reason="the extra history is not installed")

from tests.embedded.api import api_data
from tests.embedded.api.raw_requests import FOLDER, RawRequest, requests, served
from tests.embedded.promql.conftest import NO_PROMETHEUS_3
from tests.embedded.promql.oracle_server import oracle_server, program

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("prometheus-oracle"),
]
ON_PURPOSE = "on_purpose.txt"
SAME = sorted(path.name for path in FOLDER.glob("*.txt") if path.name != ON_PURPOSE)


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """The ports of the API and of a Prometheus 3."""
    command = program(3) or pytest.skip(NO_PROMETHEUS_3)
    where = tmp_path_factory.mktemp("api")
    api_data.write_rules(where / "rules.yml")
    config = f"rule_files: [{where / 'rules.yml'}]\n"
    with (
        oracle_server(command, api_data.blocks(), where / "prometheus", config=config) as oracle,
        served(api_data.app(where / "rules.yml")) as port,
    ):
        yield port, oracle.port


def differing(ports: tuple[int, int], name: str) -> list[str]:
    """Describe the requests of a file that the two answer differently."""
    return [
        f"{one}\n  expected {expected}\n       got {actual}"
        for one in requests(name)
        for actual, expected in [_answers(ports, one)]
        if actual != expected
    ]


def _answers(ports: tuple[int, int], one: RawRequest) -> tuple[Any, Any]:
    return one.ask(ports[0]), one.ask(ports[1])


@pytest.mark.parametrize("name", SAME)
def test_the_same_answers_to_odd_requests(ports: tuple[int, int], name: str) -> None:
    """Status, type of error, message, data and warnings are Prometheus 3's, to the letter."""
    assert not (found := differing(ports, name)), "\n".join(found)


def test_the_same_number_of_annotations_is_omitted(ports: tuple[int, int]) -> None:
    """Of more than ten warnings ten are listed, and the last text counts the others."""
    target = "query_range?query=histogram_quantile(time(),none)&start=1&end=60&step=3"
    for _, body in _answers(ports, RawRequest("GET", target)):
        assert len(body["warnings"]) == 11
        assert "9 more warning annotations omitted" in body["warnings"]


def test_differences_on_purpose_are_real(ports: tuple[int, int]) -> None:
    """Each request that docs/history.md lists as different is answered differently."""
    same = [
        str(one) for one in requests(ON_PURPOSE) if len(set(map(repr, _answers(ports, one)))) == 1
    ]
    assert same == []
