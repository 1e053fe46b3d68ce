"""The application's families in the text formats, named as prometheus_client names them."""

from collections.abc import Iterator

from sidelight.app_metrics.families import AppFamily, AppLabels
from sidelight.text_format import ExpositionFormat, header, label_set, number

LINES_AT_ONCE = 1000


def render_family(family: AppFamily, form: ExpositionFormat) -> Iterator[bytes]:
    """The lines of a family, in pieces."""
    name = family.name + {"counter": "_total", "info": "_info"}.get(family.kind, "")
    text = form is ExpositionFormat.TEXT
    kind = "histogram" if text and family.kind == "gaugehistogram" else family.kind
    yield header(name, kind, family.help, family.unit, form)
    lines = []
    for (suffix, labels), value in family.samples.items():
        lines.append(_line(family, suffix, labels, value, form))
        if len(lines) == LINES_AT_ONCE:
            yield "\n".join([*lines, ""]).encode()
            lines = []
    if lines:
        yield "\n".join([*lines, ""]).encode()


def _line(
    family: AppFamily, suffix: str, labels: AppLabels, value: float, form: ExpositionFormat
) -> str:
    if form is ExpositionFormat.TEXT:
        if suffix in {"_gsum", "_gcount"}:
            suffix = "_" + suffix[2:]  # the text format has no gauge histogram, only a histogram
        return f"{family.name}{suffix}{label_set(labels)} {number(value)}"
    line = f"{family.name}{suffix}{label_set(labels)} {number(value)}"
    if exemplar := family.exemplars.get((suffix, labels)):
        traced, seen, when = exemplar
        line += f" # {label_set(traced) or '{}'} {number(seen)}"
        line += "" if when is None else f" {when:.3f}"
    return line
