"""What one alert is, as data; `sidelight.slo.render` makes a rule of it."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "warning"]


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule. An alert may have two, of different severity, under one name.

    In ``expr``, ``summary`` and ``description`` stand for one build's own: ``<by>`` the labels
    that make a service, ``<sel>`` its selector, ``<,sel>`` the same after another matcher,
    ``<service>`` its name, and ``<5m>`` or any other duration that shrinks with the scale.
    ``hold`` is Prometheus's ``for``. ``meaning`` is one line for lists, ``do`` what to do first.
    ``dashboard`` names the labels to open the dashboard with.
    """

    name: str
    meaning: str
    severity: Severity
    hold: str
    expr: str
    summary: str
    description: str
    do: str
    dashboard: tuple[str, ...] = ()
