"""The series that the rules record: queried rule by rule, and written to Prometheus."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from benchmarks.dashboards import remote_write
from benchmarks.dashboards.engine import Engine, get
from benchmarks.servers import cpu_ns
from sidelight.slo import config, rules
from sidelight.slo.context import RuleContext

SETTINGS = """\
service = "shop"
[slo]
availability = "99.9%"
latency = "99% < 250ms"
[[slo.route]]
match = "POST /api/v1/things0/{thing_id}"
availability = "99%"
latency = "95% < 500ms"
"""
EVERY = 60
HOUR = 3600


def write(engine: Engine, until: int) -> dict[str, float]:
    """Write an hour of every recorded series, in the order of the rules.

    Returns the CPU seconds of one evaluation for each name; Prometheus evaluates every minute.
    """
    port = engine.port
    took: dict[str, float] = {}
    for rule in _recording():
        name, labels = rule["record"], rule.get("labels", {})
        hour = get(
            port,
            "query_range",
            query=rule["expr"],
            start=str(until - HOUR),
            end=str(until),
            step=str(EVERY),
        )
        before = cpu_ns(engine.pid)
        once = get(port, "query", query=rule["expr"], time=str(until))
        spent = (cpu_ns(engine.pid) - before) / 1e9
        if once.error or hour.error:
            raise RuntimeError(f"{name}: {once.error or hour.error}")
        took[name] = took.get(name, 0.0) + spent
        remote_write.write(port, _made(name, labels, hour.data["result"]))
    return took


def _recording() -> Iterator[dict[str, Any]]:
    plan = RuleContext(config.read(tomllib.loads(SETTINGS)))
    for group in rules.groups(plan):
        yield from (rule for rule in group["rules"] if "record" in rule)


def _made(name: str, labels: dict[str, str], result: list[dict[str, Any]]) -> Iterator[bytes]:
    for row in result:
        labelled = {key: text for key, text in row["metric"].items() if key != "__name__"}
        values = ((round(float(at) * 1000), float(value)) for at, value in row["values"])
        yield remote_write.series(name, {**labelled, **labels}, remote_write.samples(values))
