"""Templates of labels and annotations, expanded as by Go and Prometheus."""

import re
from pathlib import Path
from typing import Any

import pytest

from sidelight.embedded.templates.expand import expand_template
from sidelight.embedded.templates.functions import TEMPLATE_FUNCTIONS, TemplateError
from sidelight.embedded.templates.parser import TemplateToken, parse_template, text_and_actions
from sidelight.slo import config, objectives, rules
from sidelight.slo.context import RuleContext

LABELS = {"job": "shop", "route": "/a b&c"}
SAMPLES = [
    {"Labels": {"route": "/slow"}, "Value": 3.0},
    {"Labels": {"route": "/slower"}, "Value": 4.5},
]


def filled(text: str, value: float = 0.25, answer: Any = SAMPLES) -> str:
    return expand_template(parse_template(text), LABELS, value, lambda _: answer)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain {text}", "plain {text}"),
        ("{{ $labels.job }}", "shop"),
        ("{{ .Labels.job }} {{.Value}}", "shop 0.25"),
        ("[{{ $labels.none }}]", "[]"),
        ("{{ $labels.route | urlquery }}", "%2Fa+b%26c"),
        ("{{ $value | humanizePercentage }}", "25%"),
        ("{{ with $labels.job }}at {{ . }}{{ else }}nowhere{{ end }}", "at shop"),
        ("{{ with $labels.none }}at {{ . }}{{ else }}nowhere{{ end }}", "nowhere"),
        ("{{ if $labels.none }}a{{ else if $labels.job }}b{{ else }}c{{ end }}", "b"),
        ("{{ if and $labels.job (eq $labels.job `shop`) }}yes{{ end }}", "yes"),
        ("{{ if or (gt $value 1.0) (not $labels.none) }}yes{{ end }}", "yes"),
        (
            "{{ range query `q` }}<{{ .Labels.route }}={{ .Value }}>{{ end }}",
            "</slow=3></slower=4.5>",
        ),
        ("{{ range $one := query `q` }}{{ $one.Value }},{{ end }}", "3,4.5,"),
        ("{{ query `q` | first | value | printf `%.2f` }}", "3.00"),
        ("{{ query `q` | first | label `route` }}", "/slow"),
        ("{{ $x := $value }}{{ $x }}", "0.25"),
        ("a {{- ` b ` -}} c", "a b c"),
        ("a{{/* nothing */}}b", "ab"),
        ('{{ printf "%[2]s %[1]q %[3]d%%" $labels.job "x" 7 }}', 'x "shop" 7%'),
        ('{{ `}}` }}{{ "{{" }}', "}}{{"),
        ("{{ true }}", "true"),
    ],
)
def test_templates_are_expanded(text: str, expected: str) -> None:
    """Variables, pipelines, blocks, queries and trimmed space are expanded."""
    assert filled(text) == expected


@pytest.mark.parametrize(
    ("function", "values"),
    [
        ("humanize", {0: "0", 1: "1", 1234567: "1.235M", 0.00012: "120u", -1500: "-1.5k"}),
        ("humanize", {float("inf"): "+Inf", float("nan"): "NaN", 999.96: "1000", 1e30: "1e+06Y"}),
        ("humanize1024", {0: "0", 1: "1", 1048576: "1Mi", 1536: "1.5ki"}),
        ("humanizeDuration", {0: "0s", 1: "1s", 59.5: "59.5s", 60: "1m 0s", 3661: "1h 1m 1s"}),
        ("humanizeDuration", {3600: "1h 0m 0s", 86_399: "23h 59m 59s", 86_400: "1d 0h 0m 0s"}),
        ("humanizeDuration", {90061: "1d 1h 1m 1s", 0.012: "12ms", -61: "-1m 1s", 1e-7: "100ns"}),
        ("humanizePercentage", {0.5: "50%", 0.1234567: "12.35%", 1.5: "150%", 1e9: "1e+11%"}),
    ],
)
def test_humanized_numbers(function: str, values: dict[float, str]) -> None:
    """Numbers get prefixes, durations and percentages; texts are from Prometheus's tests."""
    for value, expected in values.items():
        assert filled(f"{{{{ $value | {function} }}}}", value) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{{ none }}",
        "{{ $value | none }}",
        "{{ end }}",
        "{{ if $value }}",
        "{{ ",
        "{{ }}",
        "{{ ( }}",
        "{{ 1 2 }}",
        "{{ ? }}",
        "{{ template `x` }}",
        '{{ define "x" }}{{ end }}',
    ],
)
def test_unsupported_templates_are_refused(text: str) -> None:
    """An invalid or unsupported template is refused when it is parsed."""
    with pytest.raises(TemplateError):
        parse_template(text)


@pytest.mark.parametrize(
    "text",
    ["{{ $none }}", "{{ $value.a }}", "{{ `x` | humanize }}", "{{ first }}", "{{ printf `%s` }}"],
)
def test_errors_of_expansion(text: str) -> None:
    """Undefined variables, strings in place of numbers and missing arguments are errors."""
    with pytest.raises(TemplateError):
        filled(text)


def test_generated_rules_use_supported_functions() -> None:
    """All functions in the templates of generated rules are supported."""
    settings = Path(__file__).parents[3] / "deploy/prometheus/tests/shop.toml"
    import tomllib

    used: set[str] = set()
    for service in (objectives.default(), config.read(tomllib.loads(settings.read_text()))):
        for group in rules.groups(RuleContext(service)):
            for rule in group["rules"]:
                if "alert" in rule:
                    for text in (*rule["labels"].values(), *rule["annotations"].values()):
                        assert isinstance(filled(text), str)
                        used |= _names(text)
    assert used - {"if", "with", "range", "else", "end"} <= TEMPLATE_FUNCTIONS.keys()
    assert {"humanize", "humanizePercentage", "humanizeDuration", "urlquery", "query"} <= used


def _names(text: str) -> set[str]:
    actions = [piece for piece in text_and_actions(text) if not isinstance(piece, str)]
    assert len(actions) == len(re.findall(r"\{\{", text))
    words: list[TemplateToken] = [word for action in actions for word in action]
    return {word.text for word in words if word.kind == "name"}


def test_a_burn_rate_is_the_measured_one() -> None:
    """The description states the alert's own burn rate, and how long the budget lasts at it."""
    shop = config.read({"service": "shop", "slo": {"availability": "99.9%"}})
    found = {
        alert["labels"]["window"]: alert["annotations"]["description"]
        for group in rules.groups(RuleContext(shop))
        for alert in group["rules"]
        if alert.get("alert") == "AvailabilityErrorBudgetBurn"
    }

    def run_query(text: str) -> list[dict[str, Any]]:
        sums = re.fullmatch(r"vector\((\S+) / (\S+)\)", text)
        return [{"Labels": {}, "Value": float(sums[1]) / float(sums[2])}] if sums else []

    for window, value, burn in (
        ("1h", 0.04473, "44.73, which spends the whole error budget in 16.1 hours."),
        ("3d", 0.0015, "1.5, which spends the whole error budget in 20.0 days."),
    ):
        text = expand_template(parse_template(found[window]), LABELS, value, run_query)
        assert f"The objective allows 0.1% over 30d. That is a burn rate of {burn} First:" in text


@pytest.mark.parametrize("service", ["shop", None])
def test_a_description_has_answers_to_queries_about_answers(service: str | None) -> None:
    """A query within another asks for the labels of its results, and of the alert, quoted."""
    found = config.read({"service": service}) if service else objectives.default()
    text = next(
        alert["annotations"]["description"]
        for group in rules.groups(RuleContext(found))
        for alert in group["rules"]
        if alert.get("alert") == "AvailabilityErrorBudgetBurn"
    )
    asked: list[str] = []

    def run_query(query: str) -> list[dict[str, Any]]:
        asked.append(query)
        for word, labels, value in (
            ("fastapi_exceptions_total", {"error_type": "KeyError"}, 5.0),
            ("route_class:", {"http_request_method": "GET", "http_route": '/a"b'}, 9.0),
            ("mean5m", {}, 0.2),
            ("errors_per_requests", {"service_version": "2"}, 0.5),
            ("process_start", {"service_version": "2"}, 90.0),
        ):
            if word in query:
                return [{"Labels": labels, "Value": value}]
        return []

    told = expand_template(parse_template(text), {"job": "shop"}, 0.5, run_query)
    assert (
        ' Most of them are on GET /a"b, with KeyError. Release 2 began 1m 30s ago. Of the requests'
        " to version 2, 50% failed with a 5xx status, and they took 200ms on average. First:"
    ) in told
    (inner,) = [query for query in asked if "exceptions" in query]
    assert r'fastapi_exceptions_total{http_route="/a\"b",job="shop"}[5m]' in inner
