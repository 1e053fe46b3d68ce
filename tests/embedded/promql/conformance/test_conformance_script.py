"""Scripts in Prometheus's language are read, and evaluated as Prometheus evaluates them."""

import pytest

from tests.embedded.promql.conformance import by_default
from tests.embedded.promql.conformance.script import (
    Clear,
    Evaluation,
    Load,
    Message,
    read_script,
)
from tests.embedded.promql.conformance.scripts import evaluations
from tests.embedded.promql.conformance.series_line import series_line
from tests.embedded.promql.conftest import NO_PROMETHEUS_3
from tests.embedded.promql.oracle_server import program

SCRIPT = """
# A comment.
load 5m
  up{job="a", "x.y"='b"'} 0+1x2 _ stale
  up -1-0.5x1 _x2 NaN

eval instant at 10m up
  expect no_warn
  expect info msg: a message
  {"up", job="a", "x.y"="b\\""} 2
clear
eval range from 0 to 1m step 30s 1 + 1
  {} 2 2 2

eval_fail instant at 1m up{
expected_fail_regexp unexpected .* input
"""


def test_commands() -> None:
    """A script is loads, clears and evaluations with what they expect."""
    load, instant, clear, ranged, failing = read_script(SCRIPT)
    assert isinstance(load, Load)
    assert load.step == 300_000
    assert isinstance(instant, Evaluation)
    assert (instant.line, instant.text, instant.start) == (7, "up", 600_000)
    assert instant.expect == {"no_warn": [Message()], "info": [Message("a message")]}
    assert instant.series == [
        series_line('{__name__="up", job="a", "x.y"=`b"`} 2'),
    ]
    assert clear == Clear()
    assert isinstance(ranged, Evaluation)
    assert (ranged.start, ranged.end, ranged.step) == (0, 60_000, 30_000)
    assert isinstance(failing, Evaluation)
    assert failing.expect == {"fail": [Message(pattern="unexpected .* input")]}


def test_values() -> None:
    """Values are numbers, runs of numbers, no sample, and native histograms."""
    assert series_line("x 1 2+3x2 _ 1e3x1 0+0x1").values == [1, 2, 5, 8, None, 1000, 1000, 0, 0]
    assert series_line("x 1-0.5x1 _x2 -Inf").values == [1, 0.5, None, None, float("-inf")]
    counts = [one.count for one in series_line("x {{count:1}}+{{count:2}}x1").values]  # type: ignore[union-attr] # histograms
    assert counts == [1, 3]
    assert series_line("x@st -1mx3").start_timestamps


@pytest.mark.parametrize(
    "text", ["load 5m\n  up one", "load 5m\n  {job=} 1", "evil instant at 1 up"]
)
def test_a_line_that_is_not_understood(text: str) -> None:
    """An invalid line is an error, and is never passed over."""
    with pytest.raises(ValueError, match="for example"):
        read_script(text)


NON_COUNTER = (
    "PromQL info: metric might not be a counter, name does not end in "
    '_total/_sum/_count/_bucket: "up"'
)


def outcome(query: str, *expected: str) -> str:
    """Return the outcome of an evaluation over two series."""
    lines = ["load 1m", "  up 0+1x5", "  native {{count:1}}", "", f"eval instant at 2m {query}"]
    ((_, found),) = evaluations("\n".join([*lines, *expected]))
    return found.refused or found.kind


@pytest.mark.parametrize(
    ("query", "expected", "is_"),
    [
        ("up", "up 2", "same"),
        ("up", "up 2.0000001", "same"),
        ("up", "up 2.00001", "wrong"),
        ("up", "down 2", "wrong"),
        ("up", "", "wrong"),
        ("up + up", "up 4", "wrong"),
        ("1 + 1", "2", "same"),
        ("1 + 1", "{} 2", "wrong"),
        ("up offset -2m", "up 4", "same"),
        ("sort(up)", "expect ordered\nup 2", "same"),
        ("up[1m]", "expect range vector from 2m to 2m step 1m\nup 2", "same"),
        ('"a"', 'expect string "a"', "same"),
        ('"a"', 'expect string "b"', "wrong"),
        ("label_replace(up, `x`, ``, `a`, `(`)", "expect fail", "same"),
        ("up", "expect fail", "wrong"),
        ("rate(up[2m])", f"expect info msg:{NON_COUNTER}\n{{}} 0.016666666666666666", "same"),
        ("rate(up[2m])", "expect info regex:counter, .*up\n{} 0.016666666666666666", "same"),
        ("rate(up[2m])", "expect info msg:other\n{} 0.016666666666666666", "wrong"),
        ("rate(up[2m])", "expect no_info\n{} 0.016666666666666666", "wrong"),
        ("rate(up[2m])", "expect no_warn\n{} 0.016666666666666666", "same"),
        ("quantile(2, up)", "expect warn\n{} Inf", "same"),
        ("quantile(1, up)", "expect warn\n{} 2", "wrong"),
        ("native", "native {{count:1}}", "same"),
        ("native", "native {{count:1 sum:2}}", "wrong"),
        ("native", "native {{count:1 schema:1}}", "wrong"),
        ("histogram_count(native)", "{} 1", "same"),
        ("histogram_count(native)", "native {{count:1}}", "wrong"),
        ("info(native)", "native {{count:1}}", "experimental functions"),
    ],
)
def test_outcome(monkeypatch: pytest.MonkeyPatch, query: str, expected: str, is_: str) -> None:
    """An answer is the same, wrong, or refused with a reason."""
    monkeypatch.setattr(by_default, "program", lambda _: None)
    assert outcome(query, *expected.split("\n")) == is_


@pytest.mark.live
def test_a_feature_flag_makes_an_answer_wrong_for_the_script_only() -> None:
    """A script may expect what only a feature flag does: then a Prometheus 3 is asked too."""
    program(3) or pytest.skip(NO_PROMETHEUS_3)
    assert outcome("sum by (__name__) (-up)", "up -2") == "as by default"
    assert outcome("-up", "{} -3") == "as by default"
