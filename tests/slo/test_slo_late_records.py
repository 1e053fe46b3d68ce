"""Rules in vmalert, where a rule finds what another recorded only at the next evaluation."""

from typing import Any

import pytest

pytest.importorskip("numpy", reason="the extra history is not installed")

from sidelight.embedded.history.history import History
from sidelight.embedded.rules.definition import parse_groups
from sidelight.embedded.rules.evaluator import RuleGroup
from sidelight.slo import names, rules
from tests.embedded.history.filled_history import MIB, ScrapedTarget, lines, stored_samples
from tests.slo.made import context

MINUTE = 60
FALLS = 20 * MINUTE
END = 40 * MINUTE
FAST, BEFORE, AFTER = 0.98, 100, 10
"""The share of fast requests, and requests a minute before they fall and after."""
LATENCY = 'service = "shop"\nslo = {{ latency = "99% < 1s"{} }}'
EACH = 'http_request_method="GET",http_route="/feed"'
OF_DURATIONS = f'{EACH},http_response_status_code="200",error_type="",url_scheme="http"'


def page(minutes: float, *, stream: bool) -> str:
    """A scrape of a route, whose durations or times to the first byte have these counts."""
    before = min(minutes, FALLS / MINUTE)
    total = BEFORE * before + AFTER * (minutes - before)
    found = dict(_histogram("http_server_request_duration_seconds", OF_DURATIONS, total))
    if stream:
        found |= _histogram("fastapi_time_to_first_byte_seconds", EACH, total)
        found[f"fastapi_event_streams_total{{{EACH}}}"] = total
    return lines(found)


def _histogram(name: str, labels: str, total: float) -> dict[str, float]:
    buckets = {f'{name}_bucket{{{labels},le="{le}"}}': total for le in ("+Inf", "2.5")}
    fast = {f'{name}_bucket{{{labels},le="1.0"}}': FAST * total}
    return {**buckets, **fast, f"{name}_count{{{labels}}}": total}


def late(group: dict[str, Any]) -> dict[str, Any]:
    """A group in which each rule is evaluated before those that it reads."""
    return {**group, "rules": [rule for rule in reversed(group["rules"]) if "record" in rule]}


@pytest.mark.parametrize("stream", [False, True], ids=["durations", "event stream"])
@pytest.mark.parametrize("more", ["", ", first_byte = true"], ids=["", "first byte"])
def test_falling_traffic_is_not_slow(more: str, *, stream: bool) -> None:
    """The share of slow requests stays the real one, two in a hundred, while the traffic falls."""
    history = History(3_600_000, 64 * MIB)
    target = ScrapedTarget(history)
    of_requests = rules.groups(context(LATENCY.format(more)))[0]
    (parsed,) = parse_groups("rules", {"groups": [late(of_requests)]})
    group = RuleGroup(0, parsed)
    for second in range(0, END, MINUTE):
        target.step(second, page(second / MINUTE, stream=stream))
        group.evaluate(history, second * 1000 + 500)
    stored = stored_samples(history)
    (shares,) = [found for name, found in stored.items() if name.startswith(names.ratio("5m"))]
    falling = [share for second, share in shares.items() if second > FALLS - 5 * MINUTE]
    assert len(falling) > 20
    assert falling == pytest.approx([1 - FAST] * len(falling))
