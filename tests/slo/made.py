"""Rules from a few lines of settings, for the tests."""

import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any

from sidelight.slo import config, rules
from sidelight.slo.context import RuleContext
from sidelight.slo.objectives import ServiceConfig

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
TESTS = PROMETHEUS / "tests"
SHOP = TESTS / "shop.toml"


def service(text: str) -> ServiceConfig:
    """The configuration in the text of a sidelight.toml."""
    return config.read(tomllib.loads(text))


def context(text: str = "", scale: str = "1") -> RuleContext:
    """The context of a build."""
    return RuleContext(service(text), Fraction(scale))


def every_rule(of: RuleContext) -> list[dict[str, Any]]:
    """All rules of a build."""
    return [rule for group in rules.groups(of) for rule in group["rules"]]


def recorded(of: RuleContext, name: str, **labels: str) -> list[str]:
    """Expressions of the rules that record a name, with at least these labels."""
    return [
        rule["expr"]
        for rule in every_rule(of)
        if rule.get("record") == name and labels.items() <= rule.get("labels", {}).items()
    ]


def alerts(of: RuleContext, name: str) -> list[dict[str, Any]]:
    """The rules of one alert."""
    return [rule for rule in every_rule(of) if rule.get("alert") == name]
