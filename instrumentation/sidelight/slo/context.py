"""What one build of the rules is made with: the service, and a scale for drills."""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from sidelight.histogram_queries import for_engine
from sidelight.route_pattern import RoutePattern
from sidelight.slo.objectives import Objective, ServiceConfig
from sidelight.slo.selector import one_job
from sidelight.slo.windows import seconds, shortened
from sidelight.text_format import escaped

Rule = dict[str, Any]
Group = dict[str, Any]

_PLACEHOLDER = re.compile(
    r"<(by|sel|,sel|recorded|,recorded|own|,own|service|alert|unless_long|if_measured"
    r"|s?\d+(?:ms|[smhdw]))>"
)
_QUERY = re.compile(r"\bquery `([^`]+)`")
_LABEL = re.compile(r'"((?:\$labels|\.Labels)\.\w+)"')
_IF_MEASURED = " and on (<by>) group by (<by>) (last_over_time(sidelight_workers{<sel>}[1d]))"
_OLDEST = "fastapi_oldest_active_request_seconds"


@dataclass(frozen=True, slots=True)
class RuleContext:
    """A ``scale`` below 1 shortens every window, interval and ``for`` alike, for drills.

    ``native`` is whether the engine has PromQL's functions of native histograms; without them the
    rules read classic histograms only.
    """

    service: ServiceConfig
    scale: Fraction = Fraction(1)
    native: bool = True

    @property
    def one_service(self) -> bool:
        """Whether the rules are for one service, and not for every job."""
        return self.service.name is not None

    @property
    def by(self) -> str:
        """The labels that distinguish services."""
        return ", ".join(self.service.selector.by)

    @property
    def service_label(self) -> str:
        """The label ``service`` of an alert: the service's name, or a template of the job's."""
        return self.service.name or "{{ $labels.job }}"

    @property
    def extra_labels(self) -> dict[str, str]:
        """Labels of all recorded series, where the selector's labels don't distinguish services."""
        name, selector = self.service.name, self.service.selector
        return {} if name is None or selector.exact else {"service": name}

    @property
    def recorded_matchers(self) -> str:
        """Matchers of the service's recorded series."""
        extra = (f'{label}="{escaped(text)}"' for label, text in self.extra_labels.items())
        return ",".join(part for part in (self.service.selector.recorded, *extra) if part)

    @property
    def alert_matchers(self) -> str:
        """Matchers of the service that an alert is about, for a query in its description."""
        return ",".join(f'{one}="{{{{ $labels.{one} }}}}"' for one in self.service.selector.by)

    def matchers(self, *more: str) -> str:
        """Matchers of recorded series and ``more``, in braces; empty where there are none."""
        parts = [part for part in (self.recorded_matchers, *more) if part]
        return f"{{{','.join(parts)}}}" if parts else ""

    def duration(self, text: str) -> str:
        """A duration in this build."""
        return shortened(text, self.scale)

    def for_annotation(self) -> "RuleContext":
        """The context of a query in an annotation, which is about the service of the alert."""
        if self.one_service:
            return self
        return replace(self, service=replace(self.service, selector=one_job("$labels.job")))

    def render(self, template: str) -> str:
        """Replace the placeholders that `sidelight.slo.alerts.AlertDefinition` describes."""
        text = for_engine(template, native=self.native)
        text = _PLACEHOLDER.sub(self._replacement, text).replace("{}", "")
        return _QUERY.sub(_with_labels, text)

    def _replacement(self, found: re.Match[str]) -> str:
        name = found[1]
        scraped, recorded = self.service.selector.scraped, self.recorded_matchers
        own = self.for_annotation().service.selector.scraped
        if name == "if_measured":
            return "" if self.one_service else self.render(_IF_MEASURED)
        if name == "unless_long":
            return self._unless_long()
        replacements = {
            "by": self.by,
            "sel": scraped,
            ",sel": scraped and f",{scraped}",
            "recorded": recorded,
            ",recorded": recorded and f",{recorded}",
            "service": self.service_label,
            "own": own,
            ",own": own and f",{own}",
            "alert": self.alert_matchers,
        }
        if name in replacements:
            return replacements[name]
        return seconds(name[1:], self.scale) if name[0] == "s" else self.duration(name)

    def _unless_long(self) -> str:
        """Leave out requests in flight on routes whose requests may last for hours."""
        templates = {r.template for r in (*self.service.exclude, *self.service.streams)}
        routes = (RoutePattern("", template) for template in sorted(templates))
        return "".join(self.render(f" unless {_OLDEST}{{{r.matchers}<,sel>}}") for r in routes)


def range_query(query: str, text: str) -> str:
    """A template that writes ``text`` for each result of a query when the alert fires.

    In the query, ``"$labels.NAME"`` is a label of the alert; in the text, ``.Labels.NAME`` is one
    of the result, and ``".Labels.NAME"`` is it in the query of another template.
    """
    return f"{{{{ range query `{query}` }}}}{text}{{{{ end }}}}"


def _with_labels(found: re.Match[str]) -> str:
    """A query of a template, in which the values of labels are quoted when it is evaluated."""
    given = _LABEL.findall(found[1])
    if not given:
        return found[0]
    form = _LABEL.sub("%q", found[1].replace("%", "%%"))
    return f"query (printf `{form}` {' '.join(given)})"


def labels(objective: Objective) -> dict[str, str]:
    """The labels of an objective's recorded series, besides those of its service."""
    route = objective.route
    if route is None:
        return {"slo": objective.kind}
    return {
        "slo": objective.kind,
        "http_request_method": route.method,
        "http_route": route.template,
    }


def matchers(objective: Objective) -> str:
    """The matchers of exactly these series."""
    route = objective.route.matchers if objective.route else 'http_route=""'
    return f'slo="{objective.kind}",{route}'
