"""The counts that make test-promql prints, and the queries of prometheus/compliance."""

from pathlib import Path

import pytest

from tests.embedded.promql.conformance import __main__ as command
from tests.embedded.promql.conformance import by_default
from tests.embedded.promql.conformance.__main__ import Finding, report
from tests.embedded.promql.conformance.compliance import compliance_queries
from tests.embedded.promql.conformance.demo_samples import demo_block
from tests.embedded.promql.conformance.refusals import is_listed

QUERIES = """
test_cases:
- query: '42'
- query: '{{.op}}(x[{{.range}}])'
  variant_args: ['op', 'range']
"""
VARIANTS = 'var args = map{\n\t"op": {\n\t\t"min",\n\t\t"max",\n\t},\n\t"range": {"1m"},\n}'


def test_variants() -> None:
    """A query is asked with each combination of its variants."""
    assert list(compliance_queries(QUERIES, VARIANTS)) == ["42", "min(x[1m])", "max(x[1m])"]


def test_demo_samples_are_the_same_in_each_run() -> None:
    """The samples that compliance's queries select do not change."""
    one, other = demo_block(), demo_block()
    assert one.labels == other.labels
    assert one.values.tobytes() == other.values.tobytes()


@pytest.mark.parametrize(("expected", "kind"), [("up 1", "same"), ("up 2", "wrong")])
def test_the_report(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    expected: str,
    kind: str,
) -> None:
    """Evaluations are counted and refused ones have their reason; a wrong one makes it fail."""
    monkeypatch.setattr(command, "CACHE", tmp_path)
    monkeypatch.setattr(by_default, "program", lambda _: None)
    folder = tmp_path / "prometheus-v1" / "promql" / "promqltest" / "testdata"
    folder.mkdir(parents=True)
    (folder / "a.test").write_text(
        f"load 1m\n  up 1\n\neval instant at 0 up\n  {expected}\n\neval instant at 0 info(up)\n"
    )
    assert command.main() == (kind == "wrong")
    said = capsys.readouterr().out
    assert f"prometheus-v1: 2 evaluations: 1 {kind}, 1 refused\n" in said
    assert "refused: 1 experimental functions\n" in said
    assert ("wrong: a.test:4: up\n" in said) == (kind == "wrong")


def test_a_refusal_needs_a_reason_in_the_docs() -> None:
    """A query that is refused for a reason that docs/promql.md does not have is not right."""
    unlisted = Finding("not listed", "histogram_median()", "")
    assert not report("scripts", [unlisted])
    assert is_listed("info()")
    assert is_listed('a negative time after "@"')
    assert not is_listed("histogram_median()")


def test_what_to_do_without_scripts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the files nothing counts as right, and the output has the commands to get them."""
    monkeypatch.setattr(command, "CACHE", tmp_path)
    assert command.main() == 1
    said = capsys.readouterr().out
    assert "git clone --depth 1 https://github.com/prometheus/prometheus --branch v3.5.3" in said
    assert "git clone --depth 1 https://github.com/prometheus/compliance" in said
