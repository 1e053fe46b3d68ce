"""label_replace and label_join."""

import re
from collections.abc import Callable
from typing import Any, Final

from sidelight.embedded.promql.frame import Labels, LabelSets
from sidelight.embedded.promql.label_names import is_label_name
from sidelight.embedded.promql.limits import QueryError, QueryUsage, execution_error
from sidelight.embedded.promql.quoting import replace_invalid_bytes
from sidelight.embedded.promql.storage import compile_regex

_REFERENCE: Final = re.compile(r"\$(?:(\$)|([A-Za-z0-9_]+)|\{([A-Za-z0-9_]+)\})")


def label_replace(series: LabelSets, args: tuple[str, ...], usage: QueryUsage) -> LabelSets:
    """Evaluate ``label_replace(v, target, replacement, source, regex)``."""
    target, replacement, source, regex = args
    pattern = _compile(regex)
    _check_name("destination", target, "label_replace")
    make = _expansion(pattern, replace_invalid_bytes(replacement), usage.limits.label)
    return series.cached(
        ("label_replace", args, usage.limits),
        lambda: _with_label(series, target, lambda labels: make(labels.get(source, "")), usage),
    )


def label_join(series: LabelSets, args: tuple[str, ...], usage: QueryUsage) -> LabelSets:
    """Evaluate ``label_join(v, target, separator, source...)``."""
    target, separator, *sources = args
    for source in sources:
        _check_name("source", source, "label_join")
    _check_name("destination", target, "label_join")
    between = replace_invalid_bytes(separator)

    def join(labels: Labels) -> str:
        return _check_length(
            between.join([labels.get(name, "") for name in sources]), usage.limits.label
        )

    return series.cached(
        ("label_join", args, usage.limits), lambda: _with_label(series, target, join, usage)
    )


def _check_length(text: str, most: int) -> str:
    """Return the text. `QueryError` if it is too long for a label's value."""
    if len(text) > most:
        raise execution_error(
            f"label value is too long: {len(text)} characters, at most {most} are taken"
        )
    return text


def _check_name(kind: str, name: str, function: str) -> None:
    if not is_label_name(name):
        raise execution_error(f"invalid {kind} label name in {function}(): {name}")


def _compile(regex: str) -> Any:
    try:
        return compile_regex(regex, groups=True)
    except QueryError:
        raise execution_error(f"invalid regular expression in label_replace(): {regex}") from None


def _expansion(pattern: Any, replacement: str, most: int) -> Callable[[str], str | None]:
    """Return a function from the source's value to the new one; None if it does not match."""
    known: dict[str, str | None] = {}
    template = _template(pattern, replacement)

    def expand(text: str) -> str | None:
        if text not in known:
            found = pattern.fullmatch(text)
            known[text] = None if found is None else _check_length(template(found), most)
        return known[text]

    return expand


def _template(pattern: Any, replacement: str) -> Callable[[Any], str]:
    """Expand ``$1``, ``${1}``, ``$name`` and ``$$`` as Go does; an unknown group is empty."""

    def group(reference: re.Match[str], found: Any) -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        if name.isdigit():
            number = int(name[:6])
            return (found.group(number) or "") if number <= pattern.groups else ""
        return (found.group(name) or "") if name in pattern.groupindex else ""

    return lambda found: _REFERENCE.sub(lambda reference: group(reference, found), replacement)


def _with_label(
    series: LabelSets, target: str, value: Callable[[Labels], str | None], usage: QueryUsage
) -> LabelSets:
    made = []
    for labels in series.labels:
        usage.check_time()
        made.append(_set_label(labels, target, value(labels)))
    return LabelSets(made)


def _set_label(labels: Labels, target: str, value: str | None) -> Labels:
    if value is None or value == labels.get(target, ""):
        return labels
    rest = {k: v for k, v in labels.items() if k != target}
    return dict(sorted({**rest, target: value}.items())) if value else rest
