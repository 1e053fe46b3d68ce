"""label_replace and label_join."""

import re
from collections.abc import Callable
from typing import Any, Final

from sidelight.embedded.promql.errors import QueryError, failed
from sidelight.embedded.promql.limits import Budget
from sidelight.embedded.promql.matching import compiled
from sidelight.embedded.promql.series import Labels, Series

_REFERENCE: Final = re.compile(r"\$(?:(\$)|([A-Za-z0-9_]+)|\{([A-Za-z0-9_]+)\})")


def replaced(series: Series, args: tuple[str, ...], budget: Budget) -> Series:
    """label_replace(v, target, replacement, source, regex)."""
    target, replacement, source, regex = args
    _check_name(target, "label_replace")
    make = _expansion(_pattern(regex), replacement, budget.limits.label)
    return series.derived(
        ("label_replace", args, budget.limits),
        lambda: _mapped(series, target, lambda labels: make(labels.get(source, "")), budget),
    )


def joined(series: Series, args: tuple[str, ...], budget: Budget) -> Series:
    """label_join(v, target, separator, source...)."""
    target, separator, *sources = args
    _check_name(target, "label_join")
    if not all(sources):
        raise failed("invalid source label name in label_join(): ")

    def join(labels: Labels) -> str:
        return bounded(
            separator.join([labels.get(name, "") for name in sources]), budget.limits.label
        )

    return series.derived(
        ("label_join", args, budget.limits), lambda: _mapped(series, target, join, budget)
    )


def bounded(text: str, most: int) -> str:
    """The text. `QueryError` if it is longer than a label's value may become."""
    if len(text) > most:
        raise failed(f"label value is too long: {len(text)} characters, at most {most} are taken")
    return text


def _check_name(target: str, function: str) -> None:
    if not target:
        raise failed(f"invalid destination label name in {function}(): {target}")


def _pattern(regex: str) -> Any:
    try:
        return compiled(regex, groups=True)
    except QueryError:
        raise failed(f"invalid regular expression in label_replace(): {regex}") from None


def _expansion(pattern: Any, replacement: str, most: int) -> Callable[[str], str | None]:
    """What a source's value becomes; None where the pattern does not match."""
    known: dict[str, str | None] = {}
    template = _template(pattern, replacement)

    def expand(text: str) -> str | None:
        if text not in known:
            found = pattern.fullmatch(text)
            known[text] = None if found is None else bounded(template(found), most)
        return known[text]

    return expand


def _template(pattern: Any, replacement: str) -> Callable[[Any], str]:
    """Go's templates: ``$1``, ``${1}``, ``$name``, ``$$``; what is no group is nothing."""

    def group(reference: re.Match[str], found: Any) -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        if name.isdigit():
            number = int(name[:6])
            return (found.group(number) or "") if number <= pattern.groups else ""
        return (found.group(name) or "") if name in pattern.groupindex else ""

    return lambda found: _REFERENCE.sub(lambda reference: group(reference, found), replacement)


def _mapped(
    series: Series, target: str, value: Callable[[Labels], str | None], budget: Budget
) -> Series:
    made = []
    for labels in series.labels:
        budget.check()
        made.append(_set(labels, target, value(labels)))
    return Series(made)


def _set(labels: Labels, target: str, value: str | None) -> Labels:
    if value is None or value == labels.get(target, ""):
        return labels
    rest = {k: v for k, v in labels.items() if k != target}
    return dict(sorted({**rest, target: value}.items())) if value else rest
