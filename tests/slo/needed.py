"""A file of promtool's tests with the rules that its alerts are made of, and no others.

promtool evaluates every rule at every minute of every test, for an alert made of one as well.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

NAME = re.compile(r"[a-zA-Z_:][\w:]*")

Rule = dict[str, Any]
Group = dict[str, Any]


def cut(file: Path, folder: Path) -> Path:
    """Write to a folder the file, and the rules it needs; the file there."""
    tests = yaml.safe_load(file.read_text())
    (rules,) = tests["rule_files"]
    groups = needed(file.parent / rules, asked(tests))
    tests["rule_files"] = ["rules.yml"]
    tests["group_eval_order"] = [group["name"] for group in groups]
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": groups}))
    found = folder / file.name
    found.write_text(yaml.safe_dump(tests))
    return found


def asked(tests: dict[str, Any]) -> set[str]:
    """Names that a file of tests asks for."""
    found = set()
    for test in tests["tests"]:
        found |= {check["alertname"] for check in test.get("alert_rule_test", ())}
        for check in test.get("promql_expr_test", ()):
            found |= set(NAME.findall(check["expr"]))
    return found


def needed(rules: Path, names: set[str]) -> list[Group]:
    """Groups of the rules with these names, and of all that they are made of."""
    groups = groups_of(rules)
    made_of: dict[str, set[str]] = {}
    for rule in (rule for group in groups for rule in group["rules"]):
        words = NAME.findall(f"{rule['expr']} {rule.get('annotations', '')}")
        made_of.setdefault(name_of(rule), set()).update(words)
    found, left = set(), names & made_of.keys()
    while left:
        found |= left
        left = {word for name in left for word in made_of[name] & made_of.keys()} - found
    kept = [
        {**group, "rules": [rule for rule in group["rules"] if name_of(rule) in found]}
        for group in groups
    ]
    return [group for group in kept if group["rules"]]


def name_of(rule: Rule) -> str:
    return str(rule.get("record") or rule["alert"])


@cache
def groups_of(rules: Path) -> list[Group]:
    found: list[Group] = yaml.safe_load(rules.read_text())["groups"]
    return found
