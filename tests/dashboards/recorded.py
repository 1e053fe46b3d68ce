"""Labels, beside ``job``, of the recorded series that dashboards use.

Series of instances have the label ``instance`` too; the others do not.
"""

from typing import Final

from sidelight.contract import ERROR, METHOD, ROUTE, STATUS
from sidelight.slo import names
from sidelight.slo.recording import CLASS
from sidelight.slo.versions import VERSION
from sidelight.slo.windows import BASE, LONG, SHORT

_OF_ROUTE = (METHOD, ROUTE)
_OF_SLO = ("slo", *_OF_ROUTE)

OF_INSTANCES: Final = frozenset({names.INSTANCE_STATUS, names.INSTANCE_TIME})
RECORDED: Final[dict[str, tuple[str, ...]]] = {
    names.ROUTE_STATUS: (*_OF_ROUTE, STATUS, ERROR),
    names.ROUTE_CLASS: (*_OF_ROUTE, CLASS, ERROR),
    names.ROUTE: _OF_ROUTE,
    names.SERVICE_CLASS: (CLASS,),
    names.SERVICE: (),
    names.ROUTE_LE: (*_OF_ROUTE, "le"),
    names.SERVICE_LE: ("le",),
    names.ROUTE_DURATIONS: _OF_ROUTE,
    names.SERVICE_DURATIONS: (),
    names.STATUS_TIME: (*_OF_ROUTE, STATUS, ERROR),
    names.ROUTE_TIME: _OF_ROUTE,
    names.ROUTE_WAITED: _OF_ROUTE,
    names.ROUTE_SLOW: _OF_ROUTE,
    names.ROUTE_SLOW_FROM: _OF_ROUTE,
    names.INSTANCE_STATUS: (STATUS,),
    names.INSTANCE_TIME: (),
    names.VERSION_STATUS: (VERSION, STATUS),
    names.VERSION_ERRORS: (VERSION,),
    names.VERSION_MEAN: (VERSION,),
    names.VERSION_SINCE: (VERSION,),
    names.OBJECTIVE: _OF_SLO,
    names.SECONDS: _OF_SLO,
    names.WINDOW: _OF_SLO,
    names.BUDGET: _OF_SLO,
    names.BUDGET_LEFT: _OF_SLO,
    names.TOTAL_RATE: _OF_SLO,
    names.BAD_RATE: _OF_SLO,
    names.DEPENDENCY: ("dependency", "step"),
    names.UPSTREAM: ("server_address", "server_port"),
    **dict.fromkeys(map(names.ratio, (BASE, *SHORT, *LONG)), _OF_SLO),
}
