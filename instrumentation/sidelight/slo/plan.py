"""What one build makes its rules with: the service, and how much shorter everything is."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sidelight.slo.objectives import Objective, Route, Service
from sidelight.slo.selector import escaped
from sidelight.slo.windows import seconds, shortened

Rule = dict[str, Any]
Group = dict[str, Any]

_TOKEN = re.compile(r"<(by|sel|,sel|own|,own|service|this|left|known|s?\d+(?:ms|[smhdw]))>")


@dataclass(frozen=True, slots=True)
class Plan:
    """``scale`` below 1 shortens every window, interval and wait alike, for drills."""

    service: Service
    scale: Fraction = Fraction(1)

    @property
    def named(self) -> bool:
        """Whether one service is meant, and not every job."""
        return self.service.name is not None

    @property
    def by(self) -> str:
        """The labels that make a service."""
        return ", ".join(self.service.selector.by)

    @property
    def label(self) -> str:
        """The label ``service`` of an alert: its name, or a template of the job's."""
        return self.service.name or "{{ $labels.job }}"

    @property
    def stamp(self) -> dict[str, str]:
        """Labels of everything recorded, where the selector's own don't tell services apart."""
        name, selector = self.service.name, self.service.selector
        return {} if name is None or selector.exact else {"service": name}

    @property
    def own(self) -> str:
        """Matchers of recorded series."""
        stamps = (f'{label}="{escaped(text)}"' for label, text in self.stamp.items())
        return ",".join(part for part in (self.service.selector.own, *stamps) if part)

    @property
    def this(self) -> str:
        """Matchers of the service that an alert is about, for a query in its text."""
        return ",".join(f'{one}="{{{{ $labels.{one} }}}}"' for one in self.service.selector.by)

    def matchers(self, *more: str) -> str:
        """Matchers of recorded series and more, in braces; nothing without any."""
        parts = [part for part in (self.own, *more) if part]
        return f"{{{','.join(parts)}}}" if parts else ""

    def time(self, duration: str) -> str:
        """A duration of this build."""
        return shortened(duration, self.scale)

    def text(self, template: str) -> str:
        """A template of `sidelight.slo.alert.Alert` as it is in this build."""
        return _TOKEN.sub(self._part, template).replace("{}", "")

    def _part(self, found: re.Match[str]) -> str:
        name = found[1]
        raw, own = self.service.selector.raw, self.own
        if name == "known":
            return "" if self.named else self.text(_KNOWN)
        if name == "left":
            return self._left()
        parts = {
            "by": self.by,
            "sel": raw,
            ",sel": raw and f",{raw}",
            "own": own,
            ",own": own and f",{own}",
            "service": self.label,
            "this": self.this,
        }
        if name in parts:
            return parts[name]
        return seconds(name[1:], self.scale) if name[0] == "s" else self.time(name)

    def _left(self) -> str:
        """Routes that may live for hours, taken out of requests in flight."""
        templates = {r.template for r in (*self.service.exclude, *self.service.streams)}
        routes = (Route("", template) for template in sorted(templates))
        return "".join(self.text(f" unless {OLDEST}{{{one.matchers}<,sel>}}") for one in routes)


OLDEST = "fastapi_oldest_active_request_seconds"
_KNOWN = " and on (<by>) group by (<by>) (last_over_time(sidelight_workers{<sel>}[1d]))"


def labels(objective: Objective) -> dict[str, str]:
    """What a recorded series of an objective is known by, besides its service."""
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
