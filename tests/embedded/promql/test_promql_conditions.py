"""Label matchers."""

import pytest

from sidelight.embedded.promql.limits import QueryError
from sidelight.embedded.promql.storage import (
    LabelMatcher,
    label_set_test,
    literal_alternatives,
    value_test,
)


@pytest.mark.parametrize(
    ("op", "value", "yes", "no"),
    [
        ("=", "a", ["a"], ["", "b", "aa"]),
        ("!=", "a", ["", "b"], ["a"]),
        ("=~", "a|b", ["a", "b"], ["", "ab", "a|b"]),
        ("=~", r"(a\.c|b)", ["a.c", "b"], ["abc", "(b"]),
        ("=~", "a.c", ["abc", "a\nc"], ["ac", "xabcx"]),
        ("=~", ".*", ["", "a\nb"], []),
        ("=~", ".+", ["a", "\n"], [""]),
        ("=~", "", [""], ["a"]),
        ("=~", "(?i)get", ["GET", "get"], ["gets"]),
        ("=~", "[1-3]..", ["200"], ["404", "20"]),
        ("!~", "5..|4..", ["200", ""], ["500", "404"]),
        ("=~", r"a\|b", ["a|b"], ["a", "b"]),
        ("=~", "a|", ["a", ""], ["b"]),
        ("=~", "é.", ["éa"], ["é"]),
    ],
)
def test_matchers(op: str, value: str, yes: list[str], no: list[str]) -> None:
    """Patterns match whole values, and a dot matches any character."""
    meets = value_test(LabelMatcher("x", op, value))  # type: ignore[arg-type] # from the list above
    assert [one for one in [*yes, *no] if meets(one)] == yes


def test_a_missing_label_is_empty() -> None:
    """A matcher treats a label that is missing as an empty one."""
    asked = (LabelMatcher("a", "!=", "1"), LabelMatcher("b", "=", ""))
    assert label_set_test(asked)({})
    assert not label_set_test(asked)({"b": "2"})
    sets = [{"a": "1"}, {"a": "2"}, {}, {"a": "2", "b": "3"}]
    assert [one for one in sets if label_set_test(asked)(one)] == [{"a": "2"}, {}]


def test_literal_alternatives_need_no_pattern() -> None:
    """The pattern that Grafana sends for several values is compared as a set of strings."""
    assert literal_alternatives(r"(/a|/b/\{id\}|x\.y)") == frozenset({"/a", "/b/{id}", "x.y"})
    assert literal_alternatives("a.b") is None
    assert literal_alternatives(r"\d|a") is None
    assert literal_alternatives("(a)|(b)") is None


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("(", "missing closing ): `(`"),
        ("[a", "missing closing ]: `[a`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("(?=a)", "invalid perl operator: `(?=`"),
        ("a{1001}", "invalid repetition size: `{1001}`"),
    ],
)
def test_invalid_patterns(pattern: str, problem: str) -> None:
    """Patterns that RE2 does not support, such as look-ahead, are refused."""
    with pytest.raises(QueryError) as caught:
        value_test(LabelMatcher("x", "=~", pattern))
    assert caught.value.message == f"parse error: error parsing regexp: {problem}"
    assert caught.value.kind == "bad_data"
