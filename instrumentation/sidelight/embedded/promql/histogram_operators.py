"""Operators of which an operand is a native histogram."""

from collections.abc import Callable, Iterator

import numpy as np

from sidelight.embedded.promql.elementwise import COMPARISONS
from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.frame import Bools, Floats, Frame, Histograms, exist
from sidelight.embedded.promql.histogram_arithmetic import (
    IncompatibleHistogramsError,
    add,
    compact,
    divide,
    scale,
    subtract,
)
from sidelight.embedded.promql.limits import QueryUsage
from sidelight.embedded.promql.native_histogram_annotations import NativeHistogramAnnotations

Operand = float | FloatHistogram


class _IncompatibleTypesError(TypeError):
    """An operator does not take such operands."""


def negative_histograms(table: Histograms | None, usage: QueryUsage) -> Histograms | None:
    """Return the histograms with the opposite sign."""
    if table is None:
        return None
    made, size = np.full(table.shape, None), 0
    for row, step in np.argwhere(exist(table)).tolist():
        made[row, step] = scale(table[row, step], -1.0)
        size += made[row, step].size
        usage.check_samples(size)
    return made


def operate_with_scalar(  # noqa: PLR0913 # one operation, its operands and what it may use
    op: str,
    frame: Frame,
    number: Floats,
    usage: QueryUsage,
    notes: NativeHistogramAnnotations,
    *,
    swapped: bool,
) -> Histograms | None:
    """Operate on the histograms of a vector and on a number for each step, ``swapped`` or not."""
    if frame.histograms is None:
        return None

    def operands(row: int, step: int) -> tuple[Operand, Operand]:
        assert frame.histograms is not None  # noqa: S101 for mypy: it is not
        pair = frame.histograms[row, step], float(number[step])
        return pair[::-1] if swapped else pair

    table = np.full(frame.present.shape, None)
    for row, step, made in _results(op, frame.has_histogram, operands, usage, notes):
        table[row, step] = made
    return table


def with_histogram_results(  # noqa: PLR0913, PLR0917 # as above
    op: str,
    left: Frame,
    right: Frame,
    numbers: Frame,
    usage: QueryUsage,
    notes: NativeHistogramAnnotations,
    *,
    return_bool: bool,
) -> Frame:
    """Return the results of pairs; ``numbers``: those of pairs of numbers."""
    chosen = left.sampled & right.sampled & (left.has_histogram | right.has_histogram)

    def operands(row: int, step: int) -> tuple[Operand, Operand]:
        return _operand(left, row, step), _operand(right, row, step)

    table, values, present = np.full(chosen.shape, None), numbers.values, numbers.present
    values, present = np.where(chosen, 0.0, values), present & ~chosen
    for row, step, made in _results(op, chosen, operands, usage, notes):
        if return_bool:
            values[row, step], present[row, step] = made is not None, True
        else:
            table[row, step] = made
    return Frame(numbers.series, values, present, table)


def _operand(frame: Frame, row: int, step: int) -> Operand:
    found = None if frame.histograms is None else frame.histograms[row, step]
    return float(frame.values[row, step]) if found is None else found


def _results(
    op: str,
    chosen: Bools,
    operands: Callable[[int, int], tuple[Operand, Operand]],
    usage: QueryUsage,
    notes: NativeHistogramAnnotations,
) -> Iterator[tuple[int, int, FloatHistogram | None]]:
    """Yield rows, steps and results; None where a comparison is false."""
    size = 0
    for row, step in np.argwhere(chosen).tolist():
        left, right = operands(row, step)
        try:
            made = _compared(op, left, right) if op in COMPARISONS else _computed(op, left, right)
        except _IncompatibleTypesError:
            notes.incompatible_types(_kind(left), op, _kind(right))
        except IncompatibleHistogramsError:
            notes.incompatible_layout(op)
        else:
            size += made.size if made else 0
            usage.check_samples(size)
            yield row, step, made


def _compared(op: str, left: Operand, right: Operand) -> FloatHistogram | None:
    if isinstance(left, float) or isinstance(right, float) or op not in {"==", "!="}:
        raise _IncompatibleTypesError
    return left if left.same(right) == (op == "==") else None


def _computed(op: str, left: Operand, right: Operand) -> FloatHistogram:
    match op, left, right:
        case "*", FloatHistogram(), float():
            return compact(scale(left, right))
        case "*", float(), FloatHistogram():
            return compact(scale(right, left))
        case "/", FloatHistogram(), float():
            return compact(divide(left, right))
        case "+", FloatHistogram(), FloatHistogram():
            return compact(add(left, right))
        case "-", FloatHistogram(), FloatHistogram():
            return compact(subtract(left, right))
        case _:
            raise _IncompatibleTypesError


def _kind(operand: Operand) -> str:
    return "float" if isinstance(operand, float) else "histogram"
