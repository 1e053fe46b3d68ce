"""The queries of prometheus/compliance, asked of a Prometheus 3 and of the engine.

https://github.com/prometheus/compliance/tree/main/promql
"""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from tests.embedded.promql.comparison import Comparison, Oracle, QueryTime
from tests.embedded.promql.conformance.demo_samples import END, demo_block
from tests.embedded.promql.oracle_server import oracle_server, program
from tests.embedded.promql.sample_blocks import MemorySource

QUERIES: Final = "promql-test-queries.yml"
VARIANTS: Final = "testcases/expand.go"
TIMES: Final = (QueryTime(END), QueryTime(END - 600_000, END, 10_000))
_VARIANT: Final = re.compile(r'^\t"(\w+)":\s*\{([^}]*)\}', re.MULTILINE)


def comparisons(folder: Path) -> Iterator[Comparison]:
    """Ask every query of the repository's folder ``promql``; nothing without a Prometheus 3."""
    command = program(3)
    if command is None:
        return
    block = demo_block()
    with (
        TemporaryDirectory() as where,
        oracle_server(command, [block], Path(where) / "prometheus") as server,
    ):
        oracle = Oracle(server, MemorySource([block]))
        texts = (folder / QUERIES).read_text("utf-8"), (folder / VARIANTS).read_text("utf-8")
        for query, when in product(compliance_queries(*texts), TIMES):
            yield oracle.compare(query, when)


def compliance_queries(queries: str, variants: str) -> Iterator[str]:
    """Yield each query with each combination of its variants, which are in a Go file."""
    values = {name: re.findall(r'"([^"]*)"', inside) for name, inside in _VARIANT.findall(variants)}
    for case in yaml.safe_load(queries)["test_cases"]:
        yield from _expanded(case, values)


def _expanded(case: dict[str, Any], values: dict[str, list[str]]) -> Iterator[str]:
    names = case.get("variant_args", [])
    for chosen in product(*(values[name] for name in names)):
        query = case["query"]
        for name, value in zip(names, chosen, strict=True):
            query = query.replace("{{." + name + "}}", value)
        yield query
