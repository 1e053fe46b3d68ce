"""PromQL's functions by their names."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np

from sidelight.embedded.promql.arguments import ArgumentEvaluator
from sidelight.embedded.promql.ast import (
    FunctionCall,
    MatrixSelector,
    Node,
    StringLiteral,
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
    Labels,
    LabelSets,
    has_histogram,
    samples_of,
    stacked_frames,
)
from sidelight.embedded.promql.histogram_functions import HISTOGRAM_FUNCTIONS
from sidelight.embedded.promql.label_functions import label_join, label_replace
from sidelight.embedded.promql.limits import BATCH_CELLS
from sidelight.embedded.promql.native_histogram_annotations import NativeHistogramAnnotations
from sidelight.embedded.promql.range_annotations import annotate_range, range_position
from sidelight.embedded.promql.range_functions import (
    OVER_TIME_FUNCTIONS,
    RATE_FUNCTIONS,
    predict_linear,
)
from sidelight.embedded.promql.range_histograms import with_range_histograms
from sidelight.embedded.promql.range_windows import Windows, WindowValues
from sidelight.embedded.promql.ranking import sort_by_value
from sidelight.embedded.promql.storage import LabelMatcher

KEEPS_METRIC_NAME: Final = frozenset({"last_over_time"})


WindowFunction = Callable[..., WindowValues]
VectorFunction = Callable[[ArgumentEvaluator, FunctionCall], Frame]
ScalarFunction = Callable[[ArgumentEvaluator, FunctionCall], Floats]


def _over_range(function: WindowFunction, args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    """Evaluate a function of one range vector and any number of scalars."""
    ranges = next(arg for arg in call.args if value_type(arg) == "matrix")
    scalars = args.scalars([arg for arg in call.args if arg is not ranges])
    notes = NativeHistogramAnnotations(args.annotations, range_position(call))
    with args.usage.hold(len(scalars) * len(args.steps)):
        of_windows = partial(_in_batches, function, scalars=scalars, name=call.name, notes=notes)
        parts = list(map(of_windows, args.windows(ranges)))
    annotate_range(args.annotations, call, parts, scalars)
    frame = stacked_frames(parts, len(args.steps))
    kept = frame if call.name in KEEPS_METRIC_NAME else frame.without_metadata()
    return kept.merged_over_all_steps()


def _in_batches(
    function: WindowFunction,
    windows: Windows,
    scalars: list[Floats],
    name: str,
    notes: NativeHistogramAnnotations,
) -> Frame:
    values, present = np.empty(windows.shape), np.empty(windows.shape, bool)
    table, size = None if windows.histograms is None else np.full(windows.shape, None), 0
    for rows, batch in windows.batches():
        values[rows], present[rows] = function(batch, *scalars)
        if table is not None and has_histogram(batch.histograms, batch.values.shape).any():
            numbers = Frame(batch.series, values[rows], present[rows])
            made = with_range_histograms(name, batch, numbers, notes)
            values[rows], present[rows] = made.values, made.present
            table[rows] = made.histograms
            size += samples_of(made.histograms)
            windows.usage.check_samples(size)
    return Frame(windows.series, values, present, table)


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
        frame = args.selector_cache.at_instants(arg, times, timestamps=True)
        return frame.without_metadata().merged_per_step()
    frame = args.vector(arg)
    now = np.broadcast_to(args.steps / 1000, frame.values.shape)
    return Frame(frame.series, now, frame.sampled).without_metadata().merged_per_step()


def _vector(args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    return _vector_of(args.scalar(call.args[0]))


def _vector_of(numbers: Floats) -> Frame:
    return Frame(LabelSets([{}]), numbers[None, :], np.ones((1, len(numbers)), bool))


def _sort(args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    return sort_by_value(args.vector(call.args[0]).numbers(), descending=call.name == "sort_desc")


def _absent(args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    present = args.vector(call.args[0]).sampled.any(axis=0)
    return _one_if_absent(call.args[0], present)


def _absent_over_time(args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    present = np.zeros(len(args.steps), bool)
    for windows in args.windows(call.args[0]):
        present |= windows.of_all.present().any(axis=0)
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
    return replace(frame, series=series).merged_over_all_steps()


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
    **HISTOGRAM_FUNCTIONS,
    "absent": _absent,
    "absent_over_time": _absent_over_time,
    "clamp": _clamp,
    "label_join": partial(_relabel, label_join),
    "label_replace": partial(_relabel, label_replace),
    "predict_linear": _predict_linear,
    "sort": _sort,
    "sort_desc": _sort,
    "timestamp": _timestamp,
    "vector": _vector,
}
