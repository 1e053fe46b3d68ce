"""The aggregation operator ``count_values``: a series for each value."""

import numpy as np

from sidelight.embedded.promql.ast import Grouping
from sidelight.embedded.promql.formatting import format_decimal
from sidelight.embedded.promql.frame import Frame, Index, Labels, LabelSets, empty_frame, exist
from sidelight.embedded.promql.histogram_buckets import format_histogram
from sidelight.embedded.promql.label_names import is_label_name
from sidelight.embedded.promql.limits import QueryUsage, execution_error
from sidelight.embedded.promql.quoting import quote


def count_values(label: str, frame: Frame, grouping: Grouping, usage: QueryUsage) -> Frame:
    """Return a series for each value in each group, with the value in this label."""
    if not is_label_name(label):
        raise execution_error(f"invalid label name {quote(label)}")
    groups = frame.series.grouped(grouping)
    rows, steps = np.nonzero(frame.sampled)
    if not len(rows):
        return empty_frame(frame.values.shape[1])
    texts, which = _distinct_values(frame, rows, steps)
    pairs = groups.index[rows] * len(texts) + which
    made, target = np.unique(pairs, return_inverse=True)
    usage.check_samples(len(made) * frame.values.shape[1])
    counts = np.zeros((len(made), frame.values.shape[1]))
    np.add.at(counts, (target, steps), 1.0)
    series = _value_labels(groups.series, made, texts, label)
    return _merge_equal_labels(Frame(series, counts, counts > 0))


def _distinct_values(frame: Frame, rows: Index, steps: Index) -> tuple[list[str], Index]:
    """Return the distinct values of samples as texts, and for each sample which one it has."""
    bits = frame.values[rows, steps].view(np.int64)  # 0 and -0 differ, and NaN equals itself
    distinct, which = np.unique(bits, return_inverse=True)
    texts = [format_decimal(value) for value in distinct.view(np.float64).tolist()]
    if frame.histograms is not None:
        found, known = frame.histograms[rows, steps], dict[str, int]()
        for at in np.flatnonzero(exist(found)).tolist():
            which[at] = known.setdefault(format_histogram(found[at]), len(texts) + len(known))
        texts += known
    return texts, which


def _value_labels(groups: LabelSets, made: Index, texts: list[str], label: str) -> LabelSets:
    def one(number: int) -> Labels:
        group, value = divmod(number, len(texts))
        return dict(sorted({**groups.labels[group], label: texts[value]}.items()))

    return LabelSets([one(number) for number in made.tolist()])


def _merge_equal_labels(frame: Frame) -> Frame:
    """Merge groups that differed only in the label that now has the value, and all kinds of NaN."""
    first = frame.series.duplicates()
    if first is None:
        return frame
    kept, index = np.unique(first, return_inverse=True)
    counts = np.zeros((len(kept), frame.values.shape[1]))
    np.add.at(counts, index, frame.values)
    return Frame(LabelSets([frame.series.labels[row] for row in kept]), counts, counts > 0)
