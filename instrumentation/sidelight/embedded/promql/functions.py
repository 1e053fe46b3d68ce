"""Every function by its name."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sidelight.embedded.promql import (
    histogram,
    over_time,
    ranking,
    rates,
    regression,
    relabelling,
    syntax,
)
from sidelight.embedded.promql.clock import OF_TIME
from sidelight.embedded.promql.frame import Floats, Frame, stacked
from sidelight.embedded.promql.series import NAME, Labels, Series
from sidelight.embedded.promql.source import Matcher
from sidelight.embedded.promql.values import OF_VALUES, at_least, at_most
from sidelight.embedded.promql.windows import AT_ONCE, Windows

if TYPE_CHECKING:
    from sidelight.embedded.promql.evaluation import Evaluation

Function = Callable[["Evaluation", syntax.Call], Frame]
Scalar = Callable[["Evaluation", syntax.Call], Floats]

OVER_RANGES: Final[dict[str, Callable[..., tuple[Floats, Any]]]] = {
    "avg_over_time": over_time.average,
    "changes": over_time.changes,
    "count_over_time": over_time.count,
    "delta": rates.delta,
    "deriv": regression.slope,
    "idelta": rates.idelta,
    "increase": rates.increase,
    "irate": rates.irate,
    "last_over_time": over_time.last,
    "max_over_time": over_time.largest,
    "min_over_time": over_time.smallest,
    "present_over_time": over_time.present,
    "quantile_over_time": over_time.quantile,
    "rate": rates.rate,
    "resets": over_time.resets,
    "stddev_over_time": over_time.deviation,
    "stdvar_over_time": over_time.variance,
    "sum_over_time": over_time.total,
}
KEEPS_NAME: Final = frozenset({"last_over_time"})


def _over_range(
    what: Callable[..., tuple[Floats, Any]], on: "Evaluation", call: syntax.Call
) -> Frame:
    """A function of one range vector and maybe of scalars."""
    ranges = next(arg for arg in call.args if syntax.kind(arg) == "matrix")
    scalars = on.scalars([arg for arg in call.args if arg is not ranges])
    with on.budget.holding(len(scalars) * len(on.steps)):
        parts = [_applied(what, windows, scalars) for windows in on.windows(ranges)]
    frame = stacked(parts, len(on.steps))
    return (frame if call.name in KEEPS_NAME else frame.nameless()).unique_in_all()


def _applied(
    what: Callable[..., tuple[Floats, Any]], windows: Windows, scalars: list[Floats]
) -> Frame:
    values, present = np.empty(windows.shape), np.empty(windows.shape, bool)
    for rows, few in windows.few():
        values[rows], present[rows] = what(few, *scalars)
    return Frame(windows.series, values, present)


def _predict_linear(on: "Evaluation", call: syntax.Call) -> Frame:
    return _over_range(partial(regression.predicted, now=on.steps), on, call)


def _with_scalars(on: "Evaluation", call: syntax.Call) -> tuple[Frame, list[Floats]]:
    """The first argument, and the others."""
    frame = on.vector(call.args[0])
    with on.budget.holding(frame.values.size):
        return frame, on.scalars(call.args[1:])


def _of_values(on: "Evaluation", call: syntax.Call) -> Frame:
    frame, scalars = _with_scalars(on, call)
    return frame.with_values(OF_VALUES[call.name](frame.values, *scalars)).unique()


def _of_time(on: "Evaluation", call: syntax.Call) -> Frame:
    frame = on.vector(call.args[0]) if call.args else _vector_of(on.steps / 1000)
    made = np.empty(frame.values.shape)
    some = max(1, AT_ONCE // len(on.steps))
    for row in range(0, len(made), some):  # dates are many tables of the size of one
        on.budget.check()
        made[row : row + some] = OF_TIME[call.name](frame.values[row : row + some])
    return frame.with_values(made).unique()


def _clamp(on: "Evaluation", call: syntax.Call) -> Frame:
    frame, (low, high) = _with_scalars(on, call)
    clamped = frame.with_values(at_least(at_most(frame.values, high), low))
    return clamped.where(~(high < low)).unique()


def _timestamp(on: "Evaluation", call: syntax.Call) -> Frame:
    """Of a selector the samples' own times; of anything else that of the evaluation."""
    arg = call.args[0]
    if isinstance(arg, syntax.Selector):
        return on.selection.newest(arg.matchers, on.moments(arg), times=True).nameless().unique()
    frame = on.vector(arg)
    now = np.broadcast_to(on.steps / 1000, frame.values.shape)
    return frame.with_values(now).unique()


def _vector(on: "Evaluation", call: syntax.Call) -> Frame:
    return _vector_of(on.scalar(call.args[0]))


def _vector_of(numbers: Floats) -> Frame:
    return Frame(Series([{}]), numbers[None, :], np.ones((1, len(numbers)), bool))


def _sort(on: "Evaluation", call: syntax.Call) -> Frame:
    return ranking.in_order(on.vector(call.args[0]), falling=call.name == "sort_desc")


def _absent(on: "Evaluation", call: syntax.Call) -> Frame:
    there = on.vector(call.args[0]).present.any(axis=0)
    return _missing(call.args[0], there)


def _absent_over_time(on: "Evaluation", call: syntax.Call) -> Frame:
    there = np.zeros(len(on.steps), bool)
    for windows in on.windows(call.args[0]):
        there |= windows.present().any(axis=0)
    return _missing(call.args[0], there)


def _missing(node: syntax.Node, there: Any) -> Frame:
    inner = node.selector if isinstance(node, syntax.Range) else node
    matchers = inner.matchers if isinstance(inner, syntax.Selector) else ()
    return Frame(Series([_pinned(matchers)]), np.ones((1, len(there))), ~there[None, :])


def _pinned(matchers: tuple[Matcher, ...]) -> Labels:
    """The labels that a selector pins to one value, each once."""
    found: dict[str, str] = {}
    names = set()
    for name, op, value in matchers:
        if op == "=" and name not in names and name != NAME:
            found[name] = value
            names.add(name)
        else:
            found.pop(name, None)
    return {name: value for name, value in sorted(found.items()) if value}


def _label_replace(on: "Evaluation", call: syntax.Call) -> Frame:
    return _relabelled(relabelling.replaced, on, call)


def _label_join(on: "Evaluation", call: syntax.Call) -> Frame:
    return _relabelled(relabelling.joined, on, call)


def _relabelled(what: Callable[..., Series], on: "Evaluation", call: syntax.Call) -> Frame:
    frame = on.vector(call.args[0])
    texts = tuple(arg.value for arg in call.args[1:] if isinstance(arg, syntax.Text))
    series = what(frame.series, texts, on.budget)
    return Frame(series, frame.values, frame.present).unique_in_all()


def _histogram_quantile(on: "Evaluation", call: syntax.Call) -> Frame:
    share, buckets = call.args
    number = on.scalar(share)
    with on.budget.holding(number.size):
        frame = on.vector(buckets)
    return histogram.quantiles(number, frame, on.budget)


def _scalar(on: "Evaluation", call: syntax.Call) -> Floats:
    """The value of the only series; NaN where there is none, or more than one."""
    frame = on.vector(call.args[0])
    values = np.where(frame.present, frame.values, 0.0).sum(axis=0)
    return np.where(frame.present.sum(axis=0) == 1, values, np.nan)


def _time(on: "Evaluation", _: syntax.Call) -> Floats:
    return on.steps / 1000


def _pi(on: "Evaluation", _: syntax.Call) -> Floats:
    return np.full(len(on.steps), np.pi)


SCALARS: Final[dict[str, Scalar]] = {"pi": _pi, "scalar": _scalar, "time": _time}

FUNCTIONS: Final[dict[str, Function]] = {
    **{name: partial(_over_range, what) for name, what in OVER_RANGES.items()},
    **dict.fromkeys(OF_VALUES, _of_values),
    **dict.fromkeys(OF_TIME, _of_time),
    "absent": _absent,
    "absent_over_time": _absent_over_time,
    "clamp": _clamp,
    "histogram_quantile": _histogram_quantile,
    "label_join": _label_join,
    "label_replace": _label_replace,
    "predict_linear": _predict_linear,
    "sort": _sort,
    "sort_desc": _sort,
    "timestamp": _timestamp,
    "vector": _vector,
}
