"""promtool tests, each with the rules that its alerts are made from, and no other rules.

promtool evaluates every rule at every minute of every test, whether or not an alert reads it.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
NAME = re.compile(r"[a-zA-Z_:][\w:]*")

Test = dict[str, Any]
Rule = dict[str, Any]
Group = dict[str, Any]


def cut(file: Path, folder: Path) -> list[str]:
    """Write each test of a file to a file of its own, with its rules. Return the files' names."""
    whole = read(file)
    (rules,) = whole["rule_files"]
    names = []
    for number, test in enumerate(whole["tests"]):
        groups = needed(groups_of(file.parent / rules), test)
        name = f"{file.stem}-{number}"
        (folder / f"{name}-rules.yml").write_text(json.dumps({"groups": groups}))
        order = [group["name"] for group in groups]
        head = {**whole, "rule_files": [f"{name}-rules.yml"], "group_eval_order": order}
        (folder / f"{name}.yaml").write_text(json.dumps({**head, "tests": [test]}))
        names.append(f"{name}.yaml")
    return names


def read(file: Path) -> dict[str, Any]:
    """A file of YAML, by the parser in C where there is one: it is ten times as fast."""
    found: dict[str, Any] = yaml.load(file.read_text(), LOADER)  # noqa: S506 both are safe loaders
    return found


@cache
def groups_of(rules: Path) -> list[Group]:
    found: list[Group] = read(rules)["groups"]
    return found


def names_in(test: Test) -> set[str]:
    """The alerts and metrics that a test checks."""
    found = {check["alertname"] for check in test.get("alert_rule_test", ())}
    for check in test.get("promql_expr_test", ()):
        found |= set(NAME.findall(check["expr"]))
    return found


def needed(groups: list[Group], test: Test) -> list[Group]:
    """The rules that a test checks, and all rules that these read."""
    groups = kept(groups, lambda rule: applies(rule, groups, test))
    reads: dict[str, set[str]] = {}
    for rule in (rule for group in groups for rule in group["rules"]):
        words = NAME.findall(f"{rule['expr']} {rule.get('annotations', '')}")
        reads.setdefault(name_of(rule), set()).update(words)
    found, left = set[str](), names_in(test) & reads.keys()
    while left:
        found |= left
        left = {word for name in left for word in reads[name] & reads.keys()} - found
    return kept(groups, lambda rule: name_of(rule) in found)


def applies(rule: Rule, groups: list[Group], test: Test) -> bool:
    """Whether a rule can have a result: its objective is checked, and its route has series."""
    labels = rule.get("labels", {})
    series = " ".join(one["series"] for one in test["input_series"])
    if "http_route" in labels and f'"{labels["http_route"]}"' not in series:
        return False
    return "slo" not in labels or labels["slo"] in objectives_in(groups, test)


def objectives_in(groups: list[Group], test: Test) -> set[str]:
    """The kinds of objectives that a test checks."""
    if "promql_expr_test" in test:
        return {"availability", "latency"}
    names = names_in(test)
    rules = (rule for group in groups for rule in group["rules"])
    return {rule["labels"].get("slo") for rule in rules if rule.get("alert") in names}


def kept(groups: list[Group], keep: Any) -> list[Group]:
    """The groups without the rules that are not kept, and without empty groups."""
    found = [{**group, "rules": [r for r in group["rules"] if keep(r)]} for group in groups]
    return [group for group in found if group["rules"]]


def name_of(rule: Rule) -> str:
    return str(rule.get("record") or rule["alert"])
