"""The functions of templates, as in Prometheus.

https://github.com/prometheus/prometheus/blob/main/template/template.go
"""

import math
import operator
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote_plus

from sidelight.embedded.promql.formatting import NOT_FINITE, format_scientific, format_value
from sidelight.embedded.promql.quoting import quote
from sidelight.errors import SidelightError

LARGE = "kMGTPEZY"
SMALL = "munpfazy"
MINUTE, HOUR, DAY = 60, 3600, 86_400

_VERB = re.compile(r"%(?:\[(\d+)\])?(\.\d+)?([a-zA-Z%])")


class TemplateError(SidelightError):
    """A template can't be read or expanded."""


def format_operand(found: Any) -> str:
    """Return a value as Go's templates print it."""
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, int | float):
        return _format_float(float(found))
    if found is None:
        return "<no value>"
    return str(found)


def _format_float(number: float) -> str:
    text = format_value(number)
    if not math.isfinite(number) or not number:
        return text
    small = -4 <= Decimal(repr(number)).adjusted() < 6  # noqa: PLR2004 where %v has no exponent
    return text if small else format_scientific(number)


def _four_digits(number: float) -> str:
    return NOT_FINITE[repr(number)] if not math.isfinite(number) else f"{number:.4g}"


def _number(given: Any) -> float:
    try:
        return float(given)
    except (TypeError, ValueError):
        raise TemplateError(f"{given!r} is not a number") from None


def humanize(given: Any) -> str:
    """Format a number with a metric prefix."""
    number = _number(given)
    if not number or not math.isfinite(number):
        return _four_digits(number)
    if abs(number) < 1:
        return _with_small_prefix(number)
    return _with_large_prefix(number, 1000, LARGE)


def humanize_1024(given: Any) -> str:
    """Format a number with a binary prefix."""
    number = _number(given)
    if abs(number) <= 1 or not math.isfinite(number):
        return _four_digits(number)
    return _with_large_prefix(number, 1024, [f"{letter}i" for letter in "kMGTPEZY"])


def _with_large_prefix(number: float, base: int, prefixes: Any) -> str:
    prefix = ""
    for one in prefixes:
        if abs(number) < base:
            break
        prefix, number = one, number / base
    return _four_digits(number) + prefix


def _with_small_prefix(number: float) -> str:
    prefix = ""
    for one in SMALL:
        if abs(number) >= 1:
            break
        prefix, number = one, number * 1000
    return _four_digits(number) + prefix


def humanize_duration(given: Any) -> str:  # noqa: PLR0911 one for each magnitude
    """Format seconds as days, hours, minutes and seconds, or as a fraction of a second."""
    number = _number(given)
    if not math.isfinite(number):
        return _four_digits(number)
    if not number:
        return "0s"
    if abs(number) < 1:
        return _with_small_prefix(number) + "s"
    sign, whole = "-" if number < 0 else "", int(abs(number))
    parts = [f"{whole % MINUTE}s", f"{whole // MINUTE % 60}m", f"{whole // HOUR % 24}h"]
    if whole >= DAY:
        return sign + " ".join([f"{whole // DAY}d", *reversed(parts)])
    if whole >= HOUR:
        return sign + " ".join(reversed(parts))
    if whole >= MINUTE:
        return sign + " ".join(reversed(parts[:2]))
    return f"{sign}{_four_digits(abs(number))}s"


def humanize_percentage(given: Any) -> str:
    """Format a ratio as a percentage."""
    return _four_digits(_number(given) * 100) + "%"


def printf(form: Any, *args: Any) -> str:
    """Format with Go's verbs s, v, d, q, f, g and e, by position or by number."""
    position = 0

    def one(found: re.Match[str]) -> str:
        nonlocal position
        number, precision, verb = found.groups()
        if verb == "%":
            return "%"
        position = int(number) - 1 if number else position
        if not 0 <= position < len(args):
            raise TemplateError(f"printf {form!r} has too few arguments")
        given = args[position]
        position += 1
        return _formatted(verb, precision or "", given)

    return _VERB.sub(one, str(form))


def _formatted(verb: str, precision: str, given: Any) -> str:
    if verb in "sv":
        return format_operand(given)
    if verb == "q":
        return quote(str(given))
    if verb == "d":
        return str(int(_number(given)))
    if verb in "fge":
        return format(_number(given), f"{precision}{verb}")
    raise TemplateError(f"printf's verb %{verb} is not supported")


def first(found: Any) -> Any:
    """Return the first sample of a query."""
    if not found:
        raise TemplateError("first() called on vector with no elements")
    return found[0]


TEMPLATE_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "humanize": humanize,
    "humanize1024": humanize_1024,
    "humanizeDuration": humanize_duration,
    "humanizePercentage": humanize_percentage,
    "urlquery": lambda given: quote_plus(format_operand(given), safe=""),
    "printf": printf,
    "first": first,
    "value": lambda sample: sample["Value"],
    "label": lambda name, sample: sample["Labels"].get(name, ""),
    "query": lambda _: [],  # replaced at expansion by a function that runs the query
    "toUpper": lambda given: format_operand(given).upper(),
    "toLower": lambda given: format_operand(given).lower(),
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "not": lambda given: not given,
    "and": lambda *given: next((one for one in given if not one), given[-1]),
    "or": lambda *given: next((one for one in given if one), given[-1]),
}
