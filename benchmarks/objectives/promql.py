"""``rate`` and the sums of recorded series, for all evaluations of a month.

``rate`` extrapolates as Prometheus 3 does (``promql/functions.go``, ``extrapolatedRate``): to the
window's edge where a sample is near it, by half an interval where none is, and never to before the
counter was 0. Windows are open on the left. ``tests/slo_simulation`` holds both against promtool.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate, chain, repeat
from math import ceil, floor
from operator import add, sub

from benchmarks.objectives.clock import EVERY, STEP, STEPS
from benchmarks.objectives.counters import Counter

Recorded = list[float | None]  # one value for each evaluation; None where the rule gave none

_NEAR = 1.1 * EVERY


def rates(counter: Counter, window: int, steps: int = STEPS) -> tuple[int, list[float]]:
    """Give the first evaluation that has two samples in its window, and all its rates from there.

    The n-th evaluation, from 0, is ``(n + 1) * STEP`` seconds after the month's begin.
    """
    newest = len(counter.values) - 1
    begin = max(1, ceil((counter.first + EVERY) / STEP))
    stop = min(steps, ceil((counter.first + EVERY * (newest - 1) + window) / STEP) - 1)
    whole_from = max(begin, ceil((counter.first + window) / STEP))
    whole_to = max(whole_from, min(stop, ceil((counter.last + EVERY) / STEP) - 1) + 1)
    found = [rate_at(counter, n * STEP, window) for n in range(begin, min(whole_from, stop + 1))]
    found += _whole(counter, window, whole_from, whole_to)
    found += [rate_at(counter, n * STEP, window) for n in range(max(whole_to, begin), stop + 1)]
    return begin - 1, found


def rate_at(counter: Counter, time: int, window: int) -> float:
    """``rate`` at one evaluation, wherever the series begins and ends."""
    values, risen, age = counter.values, counter.risen, time - counter.first
    low, high = int((age - window) // EVERY) + 1, int(age // EVERY)
    to_start, to_end = EVERY * low - (age - window), age - EVERY * high
    if low < 0:
        to_start, low = _edge(to_start - EVERY * low), 0
    if high >= len(values):
        newest = len(values) - 1
        to_end, high = _edge(to_end + EVERY * (high - newest)), newest
    rise = risen[high] - risen[low]
    if not rise:
        return 0.0
    sampled = EVERY * (high - low)
    if values[low] * sampled < to_start * rise:
        to_start = sampled * values[low] / rise
    return rise * (sampled + to_start + to_end) / sampled / window


def _edge(distance: float) -> float:
    return distance if distance < _NEAR else EVERY / 2


def _whole(counter: Counter, window: int, begin: int, end: int) -> list[float]:
    """``rate`` at evaluations whose windows the series fills: their edges are all alike."""
    if begin >= end:
        return []
    each, age = STEP // EVERY, begin * STEP - counter.first
    low, high = floor((age - window) / EVERY) + 1, floor(age / EVERY)
    to_start, to_end = EVERY * low - (age - window), age - EVERY * high
    sampled = EVERY * (high - low)
    to_zero, full = (sampled + to_end) / sampled / window, (sampled + to_start + to_end) / sampled
    full /= window
    span = (end - begin - 1) * each + 1
    return [
        rise * full if value * sampled >= to_start * rise else rise * to_zero + value / window
        for rise, value in zip(
            map(
                sub,
                counter.risen[high : high + span : each],
                counter.risen[low : low + span : each],
            ),
            counter.values[low : low + span : each],
            strict=True,
        )
    ]


def sum_of_rates(counters: Iterable[Counter], window: int) -> Recorded:
    """``sum(rate(…[window]))`` at each evaluation."""
    summed, seen = [0.0] * STEPS, bytearray(STEPS)
    for counter in counters:
        begin, found = rates(counter, window)
        end = begin + len(found)
        summed[begin:end] = map(add, summed[begin:end], found)
        seen[begin:end] = b"\1" * len(found)
    return [rate if here else None for rate, here in zip(summed, seen, strict=True)]


def increase(counters: Iterable[Counter], window: int) -> float:
    """``sum(increase(…[window]))`` at the month's end, for a window of about the month."""
    end = STEPS * STEP
    return sum(
        rate_at(counter, end, window) * window
        for counter in counters
        if counter.first + EVERY * (len(counter.values) - 2) > end - window
    )


def sum_over_time(recorded: Recorded, window: int) -> Recorded:
    """``sum_over_time(…[window])`` of a recorded series at each evaluation."""
    width = window // STEP
    sums = [0.0, *accumulate(value or 0.0 for value in recorded)]
    counts = [0, *accumulate(value is not None for value in recorded)]
    lows = chain(repeat(0, min(width, STEPS)), range(1, STEPS + 1))
    return [
        sums[high] - sums[low] if counts[high] > counts[low] else None
        for high, low in zip(range(1, STEPS + 1), lows, strict=False)
    ]


def divided(parts: Recorded, wholes: Recorded) -> Recorded:
    """``parts / wholes``: nothing where either is missing, NaN for 0 / 0."""
    return [
        None if part is None or whole is None else part / whole if whole else float("nan")
        for part, whole in zip(parts, wholes, strict=True)
    ]
