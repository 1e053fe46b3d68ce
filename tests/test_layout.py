"""The layout of the package: what the import contracts of `pyproject.toml` can not say."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.words.files import files

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "instrumentation" / "sidelight"
IMPORT_THE_CORE = """
import importlib, pathlib, sys
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.py")):
    name = ".".join(path.relative_to(sys.argv[1]).with_suffix("").parts)
    if not name.startswith("embedded.") and name.split(".")[-1] not in {"__main__", "cleanup"}:
        importlib.import_module("sidelight." + name.removesuffix(".__init__"))
print([name for name in sys.modules if name.startswith("sidelight.embedded.")])
"""


def test_the_core_imports_the_embedded_default_lazily() -> None:
    """Importing every module outside `sidelight.embedded` imports none of its modules."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_THE_CORE, PACKAGE], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_the_tree_has_one_line_a_package() -> None:
    """The tree in CONTRIBUTING.md has each package once, and only folders that exist."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    inside, outside = (
        re.findall(rf"^{start}([\w/]+)/ ", text, re.MULTILINE) for start in ("[│├└─ ]+", "(?! )")
    )
    packages = {path.parent.name for path in PACKAGE.glob("**/__init__.py")}
    assert sorted(inside) == sorted(packages - {"sidelight", "adapters"})
    assert all((ROOT / name).is_dir() for name in outside)


def test_no_two_classes_share_a_name() -> None:
    """Each class of the package has a name of its own."""
    classes = Counter(
        node.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in classes.items() if count > 1] == []


def test_no_fixture_has_the_scope_of_a_package() -> None:
    """The folders of tests are no packages: what such a fixture starts runs to the end of all."""
    scope = "scope=" + '"package"'
    found = [str(path) for path in (ROOT / "tests").rglob("*.py") if scope in path.read_text()]
    assert found == []


def test_every_ignored_rule_has_its_reason() -> None:
    """A comment that turns off a rule of ruff or mypy says why."""
    bare = re.compile(
        r"#\s*(?:noqa\b(?:: ?[A-Z0-9, ]+)?|type: ignore\b(?:\[[^]]*\])?)\s*$", re.MULTILINE
    )
    found = {
        path: bare.findall(text)
        for path, text in files().items()
        if path.endswith(".py") and bare.search(text)
    }
    assert found == {}
