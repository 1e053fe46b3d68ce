"""What is asked of Prometheus, and how often."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import Panel

Shown = Builder[Panel]
"""A panel, to be placed."""
DATASOURCE: Final = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
RAW_STEP: Final = "15s"
RECORDED_STEP: Final = "1m"
"""Rules are evaluated that often; a finer step would draw stairs."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query: what is asked, and what its series are called."""

    expr: str
    legend: str
    recorded: bool = False
    exemplar: bool = False


def step(queries: Sequence[Query]) -> str:
    """The finest step that shows anything."""
    return RECORDED_STEP if any(query.recorded for query in queries) else RAW_STEP


def targets(queries: Sequence[Query]) -> list[prometheus.Dataquery]:
    """Queries over time, by letters."""
    return [target(query, chr(ord("A") + place)).range() for place, query in enumerate(queries)]


def target(query: Query, letter: str) -> prometheus.Dataquery:
    """One query, by its letter."""
    made = prometheus.Dataquery().ref_id(letter).expr(query.expr).legend_format(query.legend)
    made.datasource(DATASOURCE).exemplar(query.exemplar)
    return made.interval(RECORDED_STEP if query.recorded else RAW_STEP)
