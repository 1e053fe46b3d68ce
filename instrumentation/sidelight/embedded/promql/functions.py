"""PromQL's functions by their names."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Protocol

import numpy as np

from sidelight.embedded.promql.aggregation import sort_by_value
from sidelight.embedded.promql.annotations import Annotations
from sidelight.embedded.promql.ast import (
    FunctionCall,
    MatrixSelector,
    Node,
    StringLiteral,
    SubqueryExpr,
    VectorSelector,
    value_type,
)
from sidelight.embedded.promql.elementwise import (
    TIME_FUNCTIONS,
    VALUE_FUNCTIONS,
    clamp_max,
    clamp_min,
)
from sidelight.embedded.promql.frame import (
    METRIC_NAME,
    Floats,
    Frame,
    Ints,
    Labels,
    LabelSets,
    stacked_frames,
)
from sidelight.embedded.promql.histogram import histogram_quantiles
from sidelight.embedded.promql.histogram_annotations import HistogramAnnotations
from sidelight.embedded.promql.label_functions import label_join, label_replace
from sidelight.embedded.promql.limits import QueryUsage, unsupported
from sidelight.embedded.promql.range_annotations import annotate_range
from sidelight.embedded.promql.range_functions import (
    OVER_TIME_FUNCTIONS,
    RATE_FUNCTIONS,
    predict_linear,
)
from sidelight.embedded.promql.selectors import BATCH_CELLS, SelectorCache, Windows, WindowValues
from sidelight.embedded.promql.storage import LabelMatcher

KEEPS_METRIC_NAME: Final = frozenset({"last_over_time"})


class ArgumentEvaluator(Protocol):
    """What a function needs of the evaluator to get the values of its arguments."""

    steps: Ints
    annotations: Annotations
    usage: QueryUsage
    selector_cache: SelectorCache

    def vector(self, node: Node) -> Frame:
        """Evaluate an instant vector."""
        ...

    def scalar(self, node: Node) -> Floats:
        """Evaluate a scalar."""
        ...

    def scalars(self, nodes: Sequence[Node]) -> list[Floats]:
        """Evaluate several scalars."""
        ...

    def windows(self, node: Node) -> list[Windows]:
        """Evaluate a range vector."""
        ...

    def selected_times(self, node: VectorSelector | SubqueryExpr) -> Ints:
        """Return the times that a selector selects."""
        ...


WindowFunction = Callable[..., WindowValues]
VectorFunction = Callable[[ArgumentEvaluator, FunctionCall], Frame]
ScalarFunction = Callable[[ArgumentEvaluator, FunctionCall], Floats]


def _over_range(function: WindowFunction, args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    """Evaluate a function of one range vector and any number of scalars."""
    ranges = next(arg for arg in call.args if value_type(arg) == "matrix")
    scalars = args.scalars([arg for arg in call.args if arg is not ranges])
    with args.usage.hold(len(scalars) * len(args.steps)):
        parts = [_in_batches(function, windows, scalars) for windows in args.windows(ranges)]
    annotate_range(args.annotations, call, parts, scalars)
    frame = stacked_frames(parts, len(args.steps))
    kept = frame if call.name in KEEPS_METRIC_NAME else frame.without_metadata()
    return kept.merged_over_all_steps()


def _in_batches(function: WindowFunction, windows: Windows, scalars: list[Floats]) -> Frame:
    values, present = np.empty(windows.shape), np.empty(windows.shape, bool)
    for rows, batch in windows.batches():
        values[rows], present[rows] = function(batch, *scalars)
    return Frame(windows.series, values, present)


def _predict_linear(args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    return _over_range(partial(predict_linear, now=args.steps), args, call)


def _with_scalars(args: ArgumentEvaluator, call: FunctionCall) -> tuple[Frame, list[Floats]]:
    """Evaluate a vector, which is the first argument, and the scalars after it."""
    frame = args.vector(call.args[0])
    with args.usage.hold(frame.values.size):
        return frame, args.scalars(call.args[1:])


def _of_values(args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    frame, scalars = _with_scalars(args, call)
    values = VALUE_FUNCTIONS[call.name](frame.values, *scalars)
    return frame.with_values(values).merged_per_step()


def _of_time(args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    frame = args.vector(call.args[0]) if call.args else _vector_of(args.steps / 1000)
    made = np.empty(frame.values.shape)
    size = max(1, BATCH_CELLS // len(args.steps))
    for row in range(0, len(made), size):  # dates need several tables of the size of the values
        args.usage.check_time()
        made[row : row + size] = TIME_FUNCTIONS[call.name](frame.values[row : row + size])
    return frame.with_values(made).merged_per_step()


def _clamp(args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    frame, (low, high) = _with_scalars(args, call)
    clamped = frame.with_values(clamp_min(clamp_max(frame.values, high), low))
    return clamped.where(~(high < low)).merged_per_step()


def _timestamp(args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    """Return the samples' own times for a selector, the evaluation's times for all else."""
    arg = call.args[0]
    if isinstance(arg, VectorSelector):
        times = args.selected_times(arg)
        frame = args.selector_cache.at_instants(arg.matchers, times, timestamps=True)
        return frame.without_metadata().merged_per_step()
    frame = args.vector(arg)
    now = np.broadcast_to(args.steps / 1000, frame.values.shape)
    return frame.with_values(now).merged_per_step()


def _vector(args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    return _vector_of(args.scalar(call.args[0]))


def _vector_of(numbers: Floats) -> Frame:
    return Frame(LabelSets([{}]), numbers[None, :], np.ones((1, len(numbers)), bool))


def _sort(args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    return sort_by_value(args.vector(call.args[0]), descending=call.name == "sort_desc")


def _absent(args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    present = args.vector(call.args[0]).present.any(axis=0)
    return _one_if_absent(call.args[0], present)


def _absent_over_time(args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    present = np.zeros(len(args.steps), bool)
    for windows in args.windows(call.args[0]):
        present |= windows.present().any(axis=0)
    return _one_if_absent(call.args[0], present)


def _one_if_absent(node: Node, present: Any) -> Frame:
    inner = node.selector if isinstance(node, MatrixSelector) else node
    matchers = inner.matchers if isinstance(inner, VectorSelector) else ()
    labels = LabelSets([_equal_labels(matchers)])
    return Frame(labels, np.ones((1, len(present))), ~present[None, :])


def _equal_labels(matchers: tuple[LabelMatcher, ...]) -> Labels:
    """Return the labels that a selector compares with ``=``, if no other matcher has the name."""
    found: dict[str, str] = {}
    names = set()
    for name, op, value in matchers:
        if op == "=" and name not in names and name != METRIC_NAME:
            found[name] = value
            names.add(name)
        else:
            found.pop(name, None)
    return {name: value for name, value in sorted(found.items()) if value}


def _relabel(
    function: Callable[..., LabelSets], args: ArgumentEvaluator, call: FunctionCall
) -> Frame:
    frame = args.vector(call.args[0])
    texts = tuple(arg.value for arg in call.args[1:] if isinstance(arg, StringLiteral))
    series = function(frame.series, texts, args.usage)
    return Frame(series, frame.values, frame.present).merged_over_all_steps()


def _histogram_quantile(args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    q, buckets = call.args
    number = args.scalar(q)
    with args.usage.hold(number.size):
        frame = args.vector(buckets)
    args.annotations.invalid_quantiles(np.unique(number).tolist(), call.starts[0])
    return histogram_quantiles(
        number, frame, args.usage, HistogramAnnotations(args.annotations, call.starts[1])
    )


def _of_native_histograms(args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    """Return no series of none. Of floats these functions are not supported."""
    if args.vector(call.args[-1]).present.any():
        raise unsupported(f"the function {call.name}()")
    return stacked_frames([], len(args.steps))


def _scalar(args: ArgumentEvaluator, call: FunctionCall) -> Floats:
    """Return the value of the only series; NaN if there is none, or more than one."""
    frame = args.vector(call.args[0])
    values = np.where(frame.present, frame.values, -0.0).sum(axis=0, initial=-0.0)  # -0 stays -0
    return np.where(frame.present.sum(axis=0) == 1, values, np.nan)


def _time(args: ArgumentEvaluator, _: FunctionCall) -> Floats:
    return args.steps / 1000


def _pi(args: ArgumentEvaluator, _: FunctionCall) -> Floats:
    return np.full(len(args.steps), np.pi)


SCALAR_FUNCTIONS: Final[dict[str, ScalarFunction]] = {"pi": _pi, "scalar": _scalar, "time": _time}

VECTOR_FUNCTIONS: Final[dict[str, VectorFunction]] = {
    **{
        name: partial(_over_range, function)
        for name, function in {**OVER_TIME_FUNCTIONS, **RATE_FUNCTIONS}.items()
    },
    **dict.fromkeys(VALUE_FUNCTIONS, _of_values),
    **dict.fromkeys(TIME_FUNCTIONS, _of_time),
    "absent": _absent,
    "absent_over_time": _absent_over_time,
    "clamp": _clamp,
    **dict.fromkeys(
        ("histogram_count", "histogram_fraction", "histogram_sum"), _of_native_histograms
    ),
    "histogram_quantile": _histogram_quantile,
    "label_join": partial(_relabel, label_join),
    "label_replace": partial(_relabel, label_replace),
    "predict_linear": _predict_linear,
    "sort": _sort,
    "sort_desc": _sort,
    "timestamp": _timestamp,
    "vector": _vector,
}
