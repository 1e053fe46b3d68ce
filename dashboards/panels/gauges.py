"""Numbers between an end and another: one as a dial, several as bars."""

from grafana_foundation_sdk.builders import bargauge, gauge
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from dashboards.panels.colours import Steps
from dashboards.panels.figures import newest, thresholds
from dashboards.panels.queries import DATASOURCE, Query, Shown, step, target


def dial(  # noqa: PLR0913 what a panel says of itself is asked for
    title: str, description: str, unit: str, query: Query, *, empty: str, steps: Steps
) -> Shown:
    """How much is left of 1; what is below 0 is an empty dial in the lowest colour."""
    panel = gauge.Panel().title(title).description(description).unit(unit).no_value(empty)
    panel.datasource(DATASOURCE).interval(step([query])).reduce_options(newest())
    panel.min(0).max(1).show_threshold_markers(True).show_threshold_labels(False)
    panel.thresholds(thresholds(steps))
    return panel.targets([target(query, "A").instant()])


def bars(  # noqa: PLR0913 what a panel says of itself is asked for
    title: str, description: str, unit: str, query: Query, *, empty: str, colour: str, link: str
) -> Shown:
    """A few shares of 1 beneath each other, each named, and linked on."""
    panel = bargauge.Panel().title(title).description(description).unit(unit).no_value(empty)
    panel.datasource(DATASOURCE).interval(step([query])).reduce_options(newest())
    panel.orientation(common.VizOrientation.HORIZONTAL)
    panel.display_mode(common.BarGaugeDisplayMode.BASIC)
    panel.value_mode(common.BarGaugeValueMode.TEXT).show_unfilled(True)
    panel.min(0).max(1).thresholds(thresholds(((None, colour),)))
    one = {"title": "Open route", "url": link, "targetBlank": False}
    panel.override_by_regexp(".*", [DynamicConfigValue("links", [one])])
    return panel.targets([target(query, "A").instant()])
