"""The parsing of queries, valid, invalid and hostile."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sidelight.embedded.promql.ast import (
    AggregateExpr,
    BinaryExpr,
    Grouping,
    MatrixSelector,
    SubqueryExpr,
    VectorSelector,
)
from sidelight.embedded.promql.engine import checked_query
from sidelight.embedded.promql.limits import QueryError, QueryLimits
from sidelight.embedded.promql.parser import parse
from sidelight.embedded.promql.storage import LabelMatcher
from tests.embedded.promql.conformance.refusals import is_listed


def refused(text: str) -> str:
    with pytest.raises(QueryError) as caught:
        checked_query(text)
    assert caught.value.kind == "bad_data"
    return caught.value.message


def test_quoted_strings_are_kept() -> None:
    """Quoted names and values come out of the parser unchanged."""
    text = r'sum by ("x y", z) ({"m.n", a=~"b|c\\.d", "l l"!="3", e!~`\d`})'
    node = checked_query(text)
    assert isinstance(node, AggregateExpr)
    assert node.grouping == Grouping(by=True, labels=("x y", "z"))
    assert node.expr == VectorSelector(
        (
            LabelMatcher("__name__", "=", "m.n"),
            LabelMatcher("a", "=~", r"b|c\.d"),
            LabelMatcher("l l", "!=", "3"),
            LabelMatcher("e", "!~", r"\d"),
        )
    )


def test_durations_are_milliseconds() -> None:
    """Durations have units or are seconds, and offsets may be negative."""
    node = checked_query("x[1h30m:500ms] @ 1.5 offset -2s")
    assert isinstance(node, SubqueryExpr)
    assert (node.range, node.step, node.at, node.offset) == (5_400_000, 500, 1500, -2000)
    assert checked_query("x[1.5]") == MatrixSelector(
        VectorSelector((LabelMatcher("__name__", "=", "x"),)), 1500
    )


def test_comments_and_line_breaks_are_space() -> None:
    """A number sign in a string does not start a comment."""
    one = checked_query('x # "is this"\n  {a="#"} # a )\r\n')
    assert one == checked_query('x{a="#"}')


@pytest.mark.parametrize(
    "text", ['{a!=""}', '{a!~".*"}', '{a=~".+"}', '{a="",b="c"}', '{"m"}', '{"a"="b",}']
)
def test_one_non_empty_matcher_is_needed(text: str) -> None:
    """A selector needs one matcher that does not match an empty label."""
    assert isinstance(checked_query(text), VectorSelector)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "unknown position: parse error: no expression found in input"),
        ("$x", "1:1: parse error: unexpected character: '$'"),
        ("x +\n  $", "2:3: parse error: unexpected character: '$'"),
        ("sum(x", "1:6: parse error: unclosed left parenthesis"),
        ("sum(x))", "1:8: parse error: unexpected right parenthesis ')'"),
        ("x[5m", "1:5: parse error: unclosed left bracket"),
        ("x{", "1:3: parse error: unexpected end of input inside braces"),
        ('x{a="b', "1:5: parse error: unterminated quoted string"),
        (r'"\q"', "1:1: parse error: unknown escape sequence"),
        ("5q", '1:1: parse error: bad number or duration syntax: "5q"'),
        ('{5m="up"}', "parse error: unexpected character inside braces"),
        ("{,}", "parse error"),
        ('{a="",b!="c"}', "must contain at least one non-empty matcher"),
        ("{}", "parse error: vector selector must contain at least one non-empty matcher"),
        ('{a=~"b*"}', "parse error: vector selector must contain at least one non-empty matcher"),
        ('x{__name__="y"}', 'parse error: metric name must not be set twice: "x" or "y"'),
        ('x{a=~"("}', "parse error: error parsing regexp: missing closing ): `(`"),
        ("nope(x)", 'parse error: unknown function with name "nope"'),
        ("rate(x)", "expected type range vector in call to function"),
        ("rate(x)", 'function "rate", got instant vector'),
        ("1 > 2", "parse error: comparisons between scalars must use BOOL modifier"),
        ("x[0s]", "parse error: duration must be greater than 0"),
        ("x[5m:0s]", "parse error: duration must be greater than 0"),
    ],
)
def test_invalid_queries(text: str, problem: str) -> None:
    """An invalid query gets Prometheus's message, with the position if it is known."""
    assert problem in refused(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a + fill(0) b", "the modifier fill"),
        ('x{a="b" or c="d"}', '"or" between the matchers of a selector'),
        ("x offset--1m", "arithmetic with durations"),
        ("x @ -5", 'a negative time after "@"'),
        ("rate(x[5m + 1m])", "arithmetic with durations"),
        ("x offset (2 * 1m)", "arithmetic with durations"),
        ("x offset -step()", "arithmetic with durations"),
        ("rate(x[5m:max_of(step(), 1m)])", "arithmetic with durations"),
        ("increase(x[5m] anchored)", "the modifier anchored"),
        ("x offset 5m smoothed + 1", "the modifier smoothed"),
        ("x </ 2", "the operator </"),
    ],
)
def test_unsupported_features_are_named(text: str, what: str) -> None:
    """What only Prometheus supports is refused by name, and docs/promql.md has the reason."""
    assert refused(text) == f"{what} is not supported here: ask a Prometheus"
    assert is_listed(what)


@pytest.mark.parametrize("text", ["x offset 1m + step", "x[5m] offset 1m", 'x{smoothed="a"}'])
def test_names_of_such_features_are_names(text: str) -> None:
    """A label or a metric may have the name of a modifier or of a function of durations."""
    assert parse(text, QueryLimits()) is not None


@pytest.mark.parametrize(
    "text",
    ["mad_over_time(x[5m])", "sort_by_label(x)", "info(x)", "limitk(1, x)", "limit_ratio(0.5, x)"],
)
def test_experimental_functions_are_not_enabled(text: str) -> None:
    """Experimental functions are refused as by a Prometheus without feature flags."""
    assert "enabled" in refused(text)


@pytest.mark.parametrize(
    "text",
    [
        "x[1e300]",
        "x[99999999999s]",
        "x[1d99999999999s]",
        "x offset 1e300",
        "x offset -1e300",
        "x offset Inf",
        "x[5m:1e300]",
        "x @ 1e300",
        "x @ Inf",
    ],
)
def test_numbers_that_overflow(text: str) -> None:
    """A number or duration that overflows is an error, never a shorter duration or a crash."""
    assert "parse error" in refused(text)


DEEP = """
"(" * 3000 + "1" + ")" * 3000
"-" * 4000 + "1"
"1" + "+1" * 3000
"1" + "^1" * 4000
"sum(" * 2000 + "x" + ")" * 2000
"x" + "[5m:]" * 1500
"{" * 9000
"[" * 9000
"x" + " offset 5m" * 900
'"' + "\\\\n" * 4900 + '"'
"#\\n" * 4900 + "1"
" " * 9000 + "1"
"x " * 4900
"1" * 9999
"x{" + 'a="b",' * 1600 + "}"
"sum" + " by" * 3000
"rate(" * 1800
"(" * 49 + "x" + ")" * 49 + "+1" * 50
"""


def test_no_query_crashes_the_process() -> None:
    """Deeply nested queries are answered or refused, even on a thread with a small stack."""
    code = f"""
import threading
from pathlib import Path
from sidelight.embedded.promql.engine import instant_query
from sidelight.embedded.promql.limits import QueryError

class Nothing:
    def select(self, *asked):
        return []

def ask():
    for line in {DEEP!r}.strip().splitlines():
        try:
            instant_query(eval(line), Nothing(), 0)
        except QueryError as why:
            assert why.kind == "bad_data", (line, why)
    print("alive")

threading.stack_size(256 * 1024)
thread = threading.Thread(target=ask)
thread.start()
thread.join()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")


def test_the_length_of_a_query_is_limited() -> None:
    """A query that is too long is refused before it is parsed."""
    assert "query is too long: 10001 characters" in refused("1" * 10_001)


def test_the_depth_of_a_query_is_limited() -> None:
    """Nested brackets and operators are counted together."""
    with pytest.raises(QueryError, match="too many operators and brackets"):
        checked_query("1+1+1+(1)", QueryLimits(depth=3))
    assert isinstance(checked_query("1+1+1+(1)", QueryLimits(depth=4)), BinaryExpr)


def test_a_warning_of_the_parser_s_import_is_ignored(tmp_path: Path) -> None:
    """promql-parser 0.12 warns when it is imported on Python 3.15; that is not an error."""
    (tmp_path / "promql_parser.py").write_text("import warnings\nwarnings.warn('old')\n")
    code = "import sidelight.embedded.promql.parser"
    command = sys.executable, "-W", "error:old", "-c", code
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    assert subprocess.run(command, env=environ, check=False).returncode == 0


def test_threads_may_parse_at_once() -> None:
    """Several threads that parse at once get the right trees."""
    wrong = []

    def ask(number: int) -> None:
        for turn in range(50):
            node = checked_query(f'x{{a="{number}-{turn}"}}')
            if not isinstance(node, VectorSelector) or node.matchers[1].value != f"{number}-{turn}":
                wrong.append(node)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_parsed_query_is_cached() -> None:
    """A query is parsed once, whatever its time limit."""
    assert parse("up + 1", QueryLimits(seconds=1.5)) is parse("up + 1", QueryLimits(seconds=2.5))
