"""The functions that templates may use, as Prometheus has them.

https://github.com/prometheus/prometheus/blob/main/template/template.go
"""

import math
import operator
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote_plus

from sidelight.embedded.promql.spelling import SPECIAL, value
from sidelight.embedded.templates.reading import TemplateError

LARGE = "kMGTPEZY"
SMALL = "munpfazy"
MINUTE, HOUR, DAY = 60, 3600, 86_400

_VERB = re.compile(r"%(?:\[(\d+)\])?(\.\d+)?([a-zA-Z%])")


def shown(found: Any) -> str:
    """Any value as Go's templates write it."""
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, int | float):
        return _shortest(float(found))
    if found is None:
        return "<no value>"
    return str(found)


def _shortest(number: float) -> str:
    text = value(number)
    if not math.isfinite(number) or not number:
        return text
    exponent = Decimal(repr(number)).adjusted()
    if -4 <= exponent < 6:  # noqa: PLR2004 where Go's %v changes to an exponent
        return text
    digits = "".join(map(str, Decimal(repr(number)).normalize().as_tuple().digits))
    rest = f".{digits[1:]}" if digits[1:] else ""
    sign = "-" if number < 0 else ""
    return f"{sign}{digits[0]}{rest}e{'-' if exponent < 0 else '+'}{abs(exponent):02}"


def _four(number: float) -> str:
    return SPECIAL[repr(number)] if not math.isfinite(number) else f"{number:.4g}"


def _number(given: Any) -> float:
    try:
        return float(given)
    except (TypeError, ValueError):
        raise TemplateError(f"{given!r} is no number") from None


def humanize(given: Any) -> str:
    """With a metric prefix."""
    number = _number(given)
    if not number or not math.isfinite(number):
        return _four(number)
    if abs(number) < 1:
        return _small(number)
    return _large(number, 1000, LARGE)


def humanize_1024(given: Any) -> str:
    """With a prefix of bytes."""
    number = _number(given)
    if abs(number) <= 1 or not math.isfinite(number):
        return _four(number)
    return _large(number, 1024, [f"{letter}i" for letter in "kMGTPEZY"])


def _large(number: float, base: int, prefixes: Any) -> str:
    prefix = ""
    for one in prefixes:
        if abs(number) < base:
            break
        prefix, number = one, number / base
    return _four(number) + prefix


def _small(number: float) -> str:
    prefix = ""
    for one in SMALL:
        if abs(number) >= 1:
            break
        prefix, number = one, number * 1000
    return _four(number) + prefix


def humanize_duration(given: Any) -> str:  # noqa: PLR0911 one a size
    """Days to seconds, or less than a second."""
    number = _number(given)
    if not math.isfinite(number):
        return _four(number)
    if not number:
        return "0s"
    if abs(number) < 1:
        return _small(number) + "s"
    sign, whole = "-" if number < 0 else "", int(abs(number))
    parts = [f"{whole % MINUTE}s", f"{whole // MINUTE % 60}m", f"{whole // HOUR % 24}h"]
    if whole >= DAY:
        return sign + " ".join([f"{whole // DAY}d", *reversed(parts)])
    if whole >= HOUR:
        return sign + " ".join(reversed(parts))
    if whole >= MINUTE:
        return sign + " ".join(reversed(parts[:2]))
    return f"{sign}{_four(abs(number))}s"


def humanize_percentage(given: Any) -> str:
    """A share in per cent."""
    return _four(_number(given) * 100) + "%"


def printf(form: Any, *args: Any) -> str:
    """Go's verbs s, v, d, q, f, g and e, by place or by number."""
    place = 0

    def one(found: re.Match[str]) -> str:
        nonlocal place
        number, precision, verb = found.groups()
        if verb == "%":
            return "%"
        place = int(number) - 1 if number else place
        if not 0 <= place < len(args):
            raise TemplateError(f"printf {form!r} has too few arguments")
        given = args[place]
        place += 1
        return _formatted(verb, precision or "", given)

    return _VERB.sub(one, str(form))


def _formatted(verb: str, precision: str, given: Any) -> str:
    if verb in "sv":
        return shown(given)
    if verb == "q":
        return '"' + str(given).replace("\\", "\\\\").replace('"', '\\"') + '"'
    if verb == "d":
        return str(int(_number(given)))
    if verb in "fge":
        return format(_number(given), f"{precision}{verb}")
    raise TemplateError(f"printf's verb %{verb} is not known here")


def first(found: Any) -> Any:
    """The first sample of a query."""
    if not found:
        raise TemplateError("first() called on vector with no elements")
    return found[0]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "humanize": humanize,
    "humanize1024": humanize_1024,
    "humanizeDuration": humanize_duration,
    "humanizePercentage": humanize_percentage,
    "urlquery": lambda given: quote_plus(shown(given), safe=""),
    "printf": printf,
    "first": first,
    "value": lambda sample: sample["Value"],
    "label": lambda name, sample: sample["Labels"].get(name, ""),
    "query": lambda _: [],  # the one that asks stands in its place
    "toUpper": lambda given: shown(given).upper(),
    "toLower": lambda given: shown(given).lower(),
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
