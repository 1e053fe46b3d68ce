"""Objectives, and the service that has them. All shares and times are exact decimals."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal

from sidelight.project import PROJECT_URL
from sidelight.route_pattern import RoutePattern
from sidelight.slo.selector import ServiceSelector, every_job
from sidelight.slo.windows import BURN_RATES, BurnRate, percent

Kind = Literal["availability", "latency"]

DEFAULT_AVAILABILITY: Final = Decimal("0.99")
"""The objective of a service whose settings have none."""


@dataclass(frozen=True, slots=True)
class Objective:
    """``share`` is the share of requests that are good.

    For a latency, the requests are those without an error, and good ones take ``seconds`` at most.
    ``route`` is None where the objective is for the whole service. With ``first_byte``, the time to
    the first byte of a streamed response is measured; for a whole service, on streaming routes.
    """

    kind: Kind
    share: Decimal
    seconds: Decimal | None = None
    route: RoutePattern | None = None
    first_byte: bool = False

    @property
    def budget(self) -> Decimal:
        """The error budget: the share of requests that may be bad."""
        return 1 - self.share

    def can_reach(self, rate: BurnRate) -> bool:
        """Whether the burn rate is possible: no more than all requests can be bad."""
        return rate.factor * self.budget < 1

    @property
    def key(self) -> str:
        """The key of this objective in the settings."""
        return f"slo.route[{self.route}].{self.kind}" if self.route else f"slo.{self.kind}"


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """What the rules are made from. ``name`` is None where each job is a service of its own."""

    name: str | None
    selector: ServiceSelector
    objectives: tuple[Objective, ...]
    window: str = "30d"
    exclude: tuple[RoutePattern, ...] = ()
    min_bad_events: int = 10
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    runbook_base: str = f"{PROJECT_URL}/docs/runbooks"
    dashboard_base: str = PROJECT_URL

    @property
    def streams(self) -> tuple[RoutePattern, ...]:
        """Routes measured to their first byte: the duration of a stream is not a latency."""
        return tuple(o.route for o in self.objectives if o.first_byte and o.route)


def default(*but: str) -> ServiceConfig:
    """Every job has an availability objective of 99 %, except the jobs ``but``."""
    objective = Objective("availability", DEFAULT_AVAILABILITY)
    return ServiceConfig(None, every_job(*but), (objective,))


def impossible_burn_rates(service: ServiceConfig) -> Iterator[str]:
    """A sentence for each burn rate alert that is left out, because it could never fire."""
    for one in service.objectives:
        for rate in BURN_RATES:
            if not one.can_reach(rate):
                yield (
                    f"{one.key}={percent(one.share)!r}: the alert for a burn rate of "
                    f"{rate.factor} over {rate.long} can never fire, because "
                    f"{rate.factor} x (1 - {one.share}) = {rate.factor * one.budget} "
                    "is not below 1: it is left out"
                )


def placeholders(service: ServiceConfig) -> Iterator[tuple[str, str]]:
    """A sentence and a setting for each address in the rules that is a placeholder."""
    for key, given, annotation, example in (
        ("runbook_base", service.runbook_base, "runbook_url", "https://wiki.example/runbooks"),
        ("dashboard_base", service.dashboard_base, "dashboard_url", "https://grafana.example"),
    ):
        if given.startswith(PROJECT_URL):
            problem = f"{annotation} of every alert starts with the placeholder {PROJECT_URL}"
            yield f"slo.{key} is not set: {problem}", f'{key} = "{example}"'
