"""Every alert has a runbook, and the queries of every runbook can be run."""

import re
from pathlib import Path

import yaml

from sidelight.contract import METRICS
from sidelight.project import PROJECT_URL
from sidelight.slo import rules
from sidelight.slo.context import RuleContext
from tests.deploy.artefacts import run
from tests.slo.made import ROOT, SHOP, context, every_rule, service

RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = ["What users feel", "Look", "Likely causes", "What to do"]
CONTEXTS = (RuleContext(service(SHOP.read_text())), context())
"""A service with every kind of objective, and jobs without objectives."""
RULES = [rule for each in CONTEXTS for group in rules.groups(each) for rule in group["rules"]]
ALERTS = sorted({rule["alert"] for rule in RULES if "alert" in rule})

QUERY = re.compile(r"^```promql\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
NOT_NAMES = re.compile(
    r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right) \([^)]*\)'
)
NAME = re.compile(r"\b[a-z_][a-z0-9_:]*\b(?! *\()")
WORDS = {"or", "and", "unless", "offset"}
TARGET_LABELS = {"job", "instance"}
PROMETHEUS_METRICS = {"up", "scrape_samples_scraped"}
"""The metrics that Prometheus has of each target."""
PARTS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}


def recorded() -> dict[str, set[str]]:
    """The names that our rules record, with the labels that they add or sum by."""
    found: dict[str, set[str]] = {}
    for each in CONTEXTS:
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
    """The scraped names of the contract, with their labels."""
    found = {name: set[str]() for name in PROMETHEUS_METRICS}
    for metric in METRICS.values():
        for part in PARTS.get(metric.kind, ("",)):
            found[metric.name + part] = {*metric.labels, *(["le"] if part == "_bucket" else [])}
    return found


KNOWN = {**recorded(), **scraped()}


def text(alert: str) -> str:
    file = RUNBOOKS / f"{alert}.md"
    assert file.is_file(), f"{alert} has no runbook: write docs/runbooks/{alert}.md"
    return file.read_text()


def queries(alert: str) -> list[str]:
    return QUERY.findall(text(alert))


def metrics(query: str) -> set[str]:
    """The metrics in a query."""
    bare = NOT_NAMES.sub(" ", query)
    return {name for name in NAME.findall(bare) if name not in WORDS}


def labels(query: str) -> set[str]:
    """The labels that a query matches, sums by or joins on."""
    listed = re.findall(r"\b(?:by|without|on|ignoring) \(([^)]*)\)", query)
    matched = re.findall(r'([a-z_]+)(?:=~|!~|!=|=)"', query)
    return {name.strip() for part in listed for name in part.split(",")} | set(matched)


def test_each_alert_has_one_runbook() -> None:
    """Each alert has one runbook, and there are no other runbooks."""
    assert sorted(file.stem for file in RUNBOOKS.glob("*.md") if file.stem != "README") == ALERTS


def test_rules_link_to_runbooks() -> None:
    """Every ``runbook_url`` of a default build is the path of a file, below the project's URL."""
    for each in CONTEXTS:
        for rule in every_rule(each):
            if "alert" in rule:
                path = rule["annotations"]["runbook_url"].removeprefix(f"{PROJECT_URL}/")
                assert (ROOT / path).is_file(), rule["alert"]


def test_the_index_has_each_runbook_once() -> None:
    """The index's tables list every runbook, and mark those whose alert can be critical."""
    rows = re.findall(r"^\| \[(\w+)\]\((\w+)\.md\) \| (.+) \|$", text("README"), re.MULTILINE)
    assert sorted(name for name, _, _ in rows) == ALERTS
    assert all(name == file for name, file, _ in rows)
    every = [rule for each in CONTEXTS for rule in every_rule(each) if "alert" in rule]
    paging = {rule["alert"] for rule in every if rule["labels"]["severity"] == "critical"}
    assert {name for name, _, says in rows if "*page*" in says} == paging


def test_a_runbook_has_its_sections() -> None:
    """A runbook begins with the alert's name, and has all sections, in order, and three queries."""
    for alert in ALERTS:
        found = text(alert)
        assert found.startswith(f"# {alert}\n\n")
        assert re.findall(r"^## (.+)$", found, re.MULTILINE) == SECTIONS, alert
        assert len(queries(alert)) == 3, alert
        for part in re.split(r"^## .+$", found, flags=re.MULTILINE)[1:]:
            assert part.strip(), alert


def test_queries_have_known_metrics_and_labels() -> None:
    """Every metric in a query is the contract's or recorded by our rules, with these labels."""
    for query in (query for alert in ALERTS for query in queries(alert)):
        named = metrics(query)
        assert named, query
        assert named <= KNOWN.keys(), (query, named - KNOWN.keys())
        has = TARGET_LABELS.union(*(KNOWN[name] for name in named))
        assert labels(query) <= has, (query, labels(query) - has)


def test_queries_are_promql(tmp_path: Path) -> None:
    """Promtool accepts every query of every runbook."""
    listed = [query for alert in ALERTS for query in queries(alert)]
    made = [{"record": f"runbook:query:{at}", "expr": query} for at, query in enumerate(listed)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": made}]}))
    output = run("promtool", "check", "rules", str(file), package="Debian: prometheus").stdout
    assert f"{len(listed)} rules found" in output
