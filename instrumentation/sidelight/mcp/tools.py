"""What the tools answer. They only read, and each answer is bounded."""

import time
from typing import Any, Final

from sidelight import packaged
from sidelight.why.diagnosis import diagnose
from sidelight.why.firing import names
from sidelight.why.http_source import HTTPPrometheus
from sidelight.why.report import alert_dict
from sidelight.why.scope import scope

MOST_SERIES: Final = 100
MOST_SLOW: Final = 50
Json = dict[str, Any]


class Tools:
    """The tools of one source. Each docstring is what an agent reads about its tool."""

    def __init__(self, source: HTTPPrometheus) -> None:
        self._source = source

    def why(self, job: str = "", window: str = "5m") -> Json:
        """Say what is wrong with a service now: route, cause, line of code, since when, next step.

        Ask this first. `causes` are in order; `checked` has the figures that were compared with
        an hour before; `unknown` is what no metric shows. `job` is needed only where the source
        has several services. `window` is the time that counts as now.
        """
        return diagnose(self._source, scope(job, window, time.time())).to_dict()

    def slow_requests(self, route: str = "", since: str = "", limit: int = MOST_SLOW) -> Json:
        """List the last slow requests, one by one: time by phase, and what they waited for.

        `route` is a template such as `/orders/{id}` or `GET /orders/{id}`, and `since` a duration
        such as 15m. Only a sidecar has them.
        """
        number = str(max(1, min(limit, MOST_SLOW)))
        return self._source.slow({"route": route, "since": since, "limit": number})

    def alerts(self) -> list[Json]:
        """List the alerts of Sidelight that are pending or firing, each with its runbook."""
        found = self._source.alerts(names()).active
        return [{**alert_dict(one), "runbook_text": _runbook(one.name)} for one in found]

    def query(self, promql: str) -> Json:
        """Evaluate a PromQL query now. At most 100 series are returned.

        The tool `metrics` lists what can be queried; answers of `why` have queries to begin with.
        """
        found = self._source.query(promql, time.time())
        series = [{"labels": dict(one.labels), "value": one.value} for one in found[:MOST_SERIES]]
        return {"series": series, "left_out": len(found) - len(series)}

    def metrics(self) -> list[Json]:
        """List the metrics of Sidelight and of the service: name, type and meaning."""
        return self._source.metadata()


def _runbook(name: str) -> str:
    return (packaged.folder("runbooks") / f"{name}.md").read_text("utf-8")
