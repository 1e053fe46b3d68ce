"""One number."""

from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import dashboard, stat
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import Threshold, ThresholdsMode

from dashboards.panels.colours import PLAIN, Steps
from dashboards.panels.queries import DATASOURCE, Query, Shown, step, target
from dashboards.panels.silence import NO_RULES


def figure(  # noqa: PLR0913 what a panel says of itself is asked for
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    empty: str = NO_RULES,
    steps: Steps = ((None, PLAIN),),
    words: bool = False,
) -> Shown:
    """One number, the newest; with ``words`` the name of its series instead."""
    panel = stat.Panel().title(title).description(description).unit(unit).no_value(empty)
    panel.datasource(DATASOURCE).interval(step([query])).reduce_options(newest())
    panel.graph_mode(common.BigValueGraphMode.NONE)
    panel.color_mode(common.BigValueColorMode.VALUE)
    panel.text_mode(common.BigValueTextMode.NAME if words else common.BigValueTextMode.VALUE)
    panel.thresholds(thresholds(steps))
    return panel.targets([target(query, "A").instant()])


def newest() -> build.ReduceDataOptions:
    """Of each series the last value there is."""
    return build.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)


def thresholds(levels: Steps) -> dashboard.ThresholdsConfig:
    """Colours from values on, as Grafana has them."""
    made = [Threshold(value=at, color=colour) for at, colour in levels]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(made)
