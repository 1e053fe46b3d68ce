"""Every alert has a runbook and a rule test, and every runbook's queries can be run."""

import re
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from sidelight.contract import METRICS
from sidelight.slo import rules
from sidelight.slo.context import RuleContext
from tests.deploy.artefacts import run
from tests.slo.made import ROOT, SHOP, TESTS, every_rule, plan, service

BOOKS = ROOT / "docs" / "runbooks"
SECTIONS = ["What users feel", "Look", "Likely causes", "What to do"]
PLANS = (RuleContext(service(SHOP.read_text())), plan())
"""A service with every kind of objective, and jobs without."""
ALERTS = sorted({name for each in PLANS for name in rules.alert_names(each)})

QUERY = re.compile(r"^```promql\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
NO_NAMES = re.compile(
    r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right) \([^)]*\)'
)
NAME = re.compile(r"\b[a-z_][a-z0-9_:]*\b(?! *\()")
WORDS = {"or", "and", "unless", "offset"}
OF_TARGETS = {"job", "instance"}
SCRAPES = {"up", "scrape_samples_scraped"}
"""What Prometheus itself says of each target."""
PARTS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}


def recorded() -> dict[str, set[str]]:
    """Names that our rules record, with the labels they add or sum by."""
    found: dict[str, set[str]] = {}
    for each in PLANS:
        for rule in every_rule(each):
            if "record" in rule:
                by = re.findall(r"\bby \(([^)]*)\)", rule["expr"])
                names = {name.strip() for part in by for name in part.split(",")}
                found.setdefault(rule["record"], set()).update(names, rule.get("labels", {}))
    objective = found["slo:requests:rate5m"]
    return {
        n: labels | objective if n.startswith("slo:") else labels for n, labels in found.items()
    }


def scraped() -> dict[str, set[str]]:
    """Names of the contract as they are scraped, with their labels."""
    found = {name: set[str]() for name in SCRAPES}
    for metric in METRICS.values():
        for part in PARTS.get(metric.kind, ("",)):
            found[metric.name + part] = {*metric.labels, *(["le"] if part == "_bucket" else [])}
    return found


KNOWN = {**recorded(), **scraped()}


def text(alert: str) -> str:
    file = BOOKS / f"{alert}.md"
    assert file.is_file(), f"{alert} has no runbook: write docs/runbooks/{alert}.md"
    return file.read_text()


def queries(alert: str) -> list[str]:
    return QUERY.findall(text(alert))


def metrics(query: str) -> set[str]:
    """The metrics that a query names."""
    bare = NO_NAMES.sub(" ", query)
    return {name for name in NAME.findall(bare) if name not in WORDS}


def labels(query: str) -> set[str]:
    """The labels that it matches, sums by or joins on."""
    listed = re.findall(r"\b(?:by|without|on|ignoring) \(([^)]*)\)", query)
    matched = re.findall(r'([a-z_]+)(?:=~|!~|!=|=)"', query)
    return {name.strip() for part in listed for name in part.split(",")} | set(matched)


def test_each_alert_has_one_runbook() -> None:
    """Runbooks are of the generator's alerts, one each, and of nothing else."""
    assert sorted(file.stem for file in BOOKS.glob("*.md") if file.stem != "README") == ALERTS


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_has_a_rule_test_in_which_it_fires(alert: str) -> None:
    """The file of promtool's tests that has the alert's name makes it fire."""
    file = TESTS / f"{alert}.yaml"
    assert file.is_file(), f"{alert} has no rule test: write deploy/prometheus/tests/{alert}.yaml"
    checks = [
        check
        for test in yaml.safe_load(file.read_text())["tests"]
        for check in test.get("alert_rule_test", ())
        if check["alertname"] == alert
    ]
    assert any(check.get("exp_alerts") for check in checks), f"{alert} never fires in its test"


def test_rules_lead_to_runbooks_that_are_there() -> None:
    """Every ``runbook_url`` of a default build is the path of a file."""
    for each in PLANS:
        for rule in every_rule(each):
            if "alert" in rule:
                assert (ROOT / rule["annotations"]["runbook_url"]).is_file(), rule["alert"]


def test_the_index_names_each_once() -> None:
    """The index's tables have every runbook, and a page's mark where a rule is critical."""
    rows = re.findall(r"^\| \[(\w+)\]\((\w+)\.md\) \| (.+) \|$", text("README"), re.MULTILINE)
    assert sorted(name for name, _, _ in rows) == ALERTS
    assert all(name == file for name, file, _ in rows)
    every = [rule for each in PLANS for rule in every_rule(each) if "alert" in rule]
    paging = {rule["alert"] for rule in every if rule["labels"]["severity"] == "critical"}
    assert {name for name, _, says in rows if "*page*" in says} == paging


@pytest.mark.parametrize("alert", ALERTS)
def test_a_runbook_has_its_parts(alert: str) -> None:
    """It begins with its name, then says what is meant, felt, asked, likely and done, in order."""
    found = text(alert)
    assert found.startswith(f"# {alert}\n\n")
    assert re.findall(r"^## (.+)$", found, re.MULTILINE) == SECTIONS
    assert len(queries(alert)) == 3
    for part in re.split(r"^## .+$", found, flags=re.MULTILINE)[1:]:
        assert part.strip()


@pytest.mark.parametrize("alert", ALERTS)
def test_queries_name_what_is_there(alert: str) -> None:
    """Every metric is the contract's or recorded by our rules, and has the labels asked for."""
    for query in queries(alert):
        named = metrics(query)
        assert named, query
        assert named <= KNOWN.keys(), (query, named - KNOWN.keys())
        has = OF_TARGETS.union(*(KNOWN[name] for name in named))
        assert labels(query) <= has, (query, labels(query) - has)


def test_queries_are_promql(tmp_path: Path) -> None:
    """No query of any runbook is one that ``promtool`` refuses."""
    listed = [query for alert in ALERTS for query in queries(alert)]
    made = [{"record": f"runbook:query:{at}", "expr": query} for at, query in enumerate(listed)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": made}]}))
    said = run("promtool", "check", "rules", str(file), package="Debian: prometheus").stdout
    assert f"{len(listed)} rules found" in said
