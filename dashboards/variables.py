"""What a reader chooses: the data source, and whose series are meant."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models.dashboard import VariableOption, VariableRefresh, VariableSort

from dashboards import promql
from dashboards.panels.queries import DATASOURCE

COUNT: Final = f"{promql.DURATION}_count"
CHOICES: Final = {
    "job": ("Job", ".+", f"label_values({COUNT}, job)"),
    "instance": ("Instance", ".+", f"label_values({COUNT}{{{promql.JOB}}}, instance)"),
    "route": ("Route", ".*", f"label_values({COUNT}{{{promql.WHO}}}, http_route)"),
    "method": (
        "Method",
        ".*",
        f'label_values({COUNT}{{{promql.WHO},http_route=~"$route"}}, http_request_method)',
    ),
}
"""Name to label, what "All" stands for, and query. A route may be empty: outside of any."""


def source() -> build.DatasourceVariable:
    """The data source, of the kind Prometheus."""
    # Prometheus is chosen by its type: no uid of anybody's is in the file.
    return build.DatasourceVariable("datasource").label("Data source").type("prometheus")


def choice(name: str) -> build.QueryVariable:
    """One or several values of a label, or all."""
    label, every, query = CHOICES[name]
    made = build.QueryVariable(name).label(label).datasource(DATASOURCE)
    made.query({"query": query, "refId": f"variable-{name}"}).definition(query)
    made.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)
    made.current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    return made.multi(True).include_all(True).all_value(every)
