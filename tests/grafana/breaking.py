"""Ways to break a panel, and the fault that Grafana's packages then show."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

Panel = dict[str, Any]
Change = Callable[[Panel], None]

BY_JOB: Final = 'sum by (job) (up{job=~"$job"})'
RATE: Final = "sum(rate(process_cpu_seconds_total[$__rate_interval]))"


class Broken(NamedTuple):
    """A panel of a dashboard, what is changed in it, and how the fault is named that shows it."""

    board: str
    panel: str
    change: Change
    fault: str
    world: str = "30 s"


def _table(change: Change, fault: str) -> Broken:
    return Broken("sidelight-fleet", "Services", change, fault)


def _tile(change: Change, fault: str) -> Broken:
    return Broken("sidelight-service", "Instances up", change, fault)


def _graph(change: Change, fault: str, world: str = "30 s") -> Broken:
    return Broken("sidelight-service", "AnyIO threads", change, fault, world)


def _query(expr: str, place: int = 0, **target: object) -> Change:
    """Change the query at a place, counted from 0."""
    return lambda panel: panel["targets"][place].update({"expr": expr, **target})


def _only(expr: str, legend: str, **target: object) -> Change:
    """Leave one query, with a legend of its own."""

    def change(panel: Panel) -> None:
        panel["targets"] = [{**panel["targets"][0], "expr": expr, "legendFormat": legend, **target}]
        panel["fieldConfig"]["overrides"] = []

    return change


def _option(**options: object) -> Change:
    return lambda panel: panel["options"].update(options)


def _default(**options: object) -> Change:
    return lambda panel: panel["fieldConfig"]["defaults"].update(options)


def _field(field: str, **options: object) -> Change:
    """Add options for the fields of a name."""
    properties = [{"id": name, "value": value} for name, value in options.items()]
    override = {"matcher": {"id": "byName", "options": field}, "properties": properties}
    return lambda panel: panel["fieldConfig"]["overrides"].append(override)


def _organize(key: str, value: object) -> Change:
    return lambda panel: panel["transformations"][-1]["options"].update({key: value})


def _both(first: Change, second: Change) -> Change:
    def change(panel: Panel) -> None:
        first(panel)
        second(panel)

    return change


def _bare(change: Change) -> Change:
    """Change a panel that has no options of single fields and no mappings."""

    def bare(panel: Panel) -> None:
        panel["fieldConfig"]["overrides"] = []
        for name in ("mappings", "color"):
            panel["fieldConfig"]["defaults"].pop(name, None)
        panel["options"]["textMode"] = "value"
        change(panel)

    return bare


def _linked(url: str) -> Change:
    return _field("Service", links=[{"title": "Open", "url": url, "targetBlank": False}])


BROKEN: Final[Mapping[str, Broken]] = {
    "a query that is wrong": _table(_query("sum("), "error: "),
    "a column without data": _table(_query("nothing", 1), "empty column"),
    "a word where a cell is empty": _table(
        _bare(_both(_query("nothing", 1), _default(noValue="No traffic"))),
        "word in an empty cell: No traffic",
    ),
    "a colour where a cell is empty": _table(
        _bare(
            _both(
                _both(_query("nothing", 6), _default(noValue="?")),
                _field(
                    "Instances up",
                    **{
                        "custom.cellOptions": {"type": "color-text"},
                        "thresholds": {
                            "mode": "absolute",
                            "steps": [{"value": None, "color": "#d1413a"}],
                        },
                    },
                ),
            )
        ),
        "colour of nothing",
    ),
    "a column of other rows": _table(
        _query('topk(1, sum by (job) (up{job=~"$job"}))', 1), "mostly empty column"
    ),
    "a job that is no service": _table(_query("sum by (job) (up)"), "not a service: prometheus"),
    "columns without names": _table(
        _organize("renameByName", {}), "column without a name of its own"
    ),
    "times beside values": _table(_organize("excludeByName", {}), "column without a name"),
    "frames that are not merged": _table(
        lambda panel: panel["transformations"].pop(0), "table of several frames"
    ),
    "an order by no column": _table(
        _option(sortBy=[{"displayName": "Nothing", "desc": True}]), "sorted by a column"
    ),
    "columns that are too wide": _table(
        _bare(_default(custom={"minWidth": 400})), "table wider than its panel"
    ),
    "a link to no field": _table(
        _linked("/d/x?var-job=${__data.fields.Nothing}"), "link without a value: var-job"
    ),
    "a link that carries a word": _table(
        _both(
            _bare(_both(_query("nothing", 1), _default(noValue="None"))),
            _field(
                "Requests/s",
                links=[{"title": "Open", "url": "/d/x?var-route=${__value.text}"}],
            ),
        ),
        "link that carries the word: None",
    ),
    "a text that is written as a number": Broken(
        "sidelight-runtime",
        "Upstreams",
        _default(unit="reqps"),
        "text that is written as a number: 80 req/s",
    ),
    "no number": _table(_query('0 / (0 * sum by (job) (up{job=~"$job"}))', 1), "no number: NaN"),
    "a tile that is red without data": _tile(
        _bare(
            _both(
                _query("nothing"),
                _default(
                    thresholds={"mode": "absolute", "steps": [{"value": None, "color": "#d1413a"}]}
                ),
            )
        ),
        "colour of nothing",
    ),
    "a long title": _tile(lambda panel: panel.update(title="Instances up " * 3), "cut title"),
    "a tile with the name of nothing": _tile(_query("nothing"), "tile without a text"),
    "a tile with many words": _tile(
        _bare(_both(_query("nothing"), _default(noValue="No traffic, " * 6))), "text smaller than"
    ),
    "a graph without data": _graph(_only("nothing", "x"), "empty panel"),
    "a step shorter than scrapes": _graph(
        _both(_only(RATE, "x", interval="15s"), lambda panel: panel.update(interval="15s")),
        "empty panel",
        "60 s",
    ),
    "a line that is called by its labels": _graph(_only(BY_JOB, ""), "legend is a raw label set"),
    "a label without a value": _graph(_only(BY_JOB, "{{job}} {{nothing}}"), "legend with a gap"),
    "a legend without text": _graph(
        _only(BY_JOB, "{{nothing}} {{nothing}}"), "legend without text"
    ),
    "a label that stands there twice": _graph(
        _only(BY_JOB, "{{job}} {{job}}"), "legend says a word twice"
    ),
    "two lines with one name": _graph(_only(BY_JOB, "up"), "legend of two lines"),
    "a line below the axis": _graph(_only("-sum(up)", "x"), "line below its axis"),
    "a share of more than all": _graph(
        _both(_only("sum(up)", "x"), _default(unit="percentunit")), "share of more than all"
    ),
    "a colour for no line": _graph(_field("Nothing", unit="s"), "override byName meets nothing"),
    "a variable that is not there": _graph(
        lambda panel: panel.update(title="Threads of $nothing"), "title with a variable"
    ),
    "traces asked for too late": _graph(
        lambda panel: panel["targets"].append(
            {
                **panel["targets"][0],
                "refId": "Z",
                "exemplar": True,
                "legendFormat": "traces",
                "expr": "sum(nothing)",
            }
        ),
        "no exemplars",
    ),
}

UNKNOWN_FIELDS: Final[Mapping[str, Change]] = {
    "an option": _option(nothing=1),
    "a value of an option": _option(textMode="nothing"),
    "a type of an option": _option(showPercentChange="yes"),
    "an option of all fields": _default(nothing=1),
    "an option of the fields of another kind": _default(custom={"align": "left"}),
    "an option of some fields": _field("up", nothing=1),
    "a value of some fields": _field("up", decimals="two"),
    "a colour mode": _default(color={"mode": "nothing"}),
    "an option of a query": _query("up", nothing=1),
    "a format of a query": _query("up", format="nothing"),
    "a field of a panel": lambda panel: panel.update(nothing=1),
    "a kind of panel": lambda panel: panel.update(type="nothing"),
}
"""What the types of @grafana/schema do not know, of a tile."""
UNKNOWN_NAMES: Final[Mapping[str, Change]] = {
    "unit": _default(unit="nothing"),
    "transformation": lambda panel: panel["transformations"][0].update(id="nothing"),
    "matcher": lambda panel: panel["fieldConfig"]["overrides"][0]["matcher"].update(id="nothing"),
    "reducer": _option(reduceOptions={"calcs": ["nothing"]}),
    "colour": _default(color={"mode": "nothing"}),
}
"""What is in no registry, by its kind."""
FILES: Final[Mapping[str, tuple[Change, str]]] = {
    "a count of an extrapolated increase": (
        _both(_query("sum(increase(up[1h]))", legendFormat="up"), _default(unit="short")),
        "count with decimals",
    ),
    "requests of what is none": (
        _both(_query("rate(up[1h])"), _default(unit="reqps")),
        "requests per second of what is no request",
    ),
}
"""What is wrong in a file, whatever is shown."""
