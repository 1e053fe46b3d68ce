"""The application's families in the text formats, named as prometheus_client names them."""

from collections.abc import Iterator

from sidelight.app_metrics.families import AppFamily, SampleKey, plain_suffix
from sidelight.text_format import (
    Escaping,
    ExpositionFormat,
    escaped_name,
    header,
    label_set,
    number,
    sample_name,
    suffixed_name,
)

LINES_AT_ONCE = 1000


def render_family(
    family: AppFamily,
    form: ExpositionFormat,
    escaping: Escaping = Escaping.UNDERSCORES,
    *,
    timestamps: bool = True,
    created: bool = False,
) -> Iterator[bytes]:
    """The lines of a family, in pieces; with ``created``, OpenMetrics has when its series began."""
    escaped = escaped_name(family.name, escaping)
    text = form is ExpositionFormat.TEXT
    kind = "histogram" if text and family.kind == "gaugehistogram" else family.kind
    name = suffixed_name(family.name, family.kind, escaping)
    yield header(name, kind, family.help, family.unit, form)
    lines = []
    for key, value in family.samples.items():
        when = family.timestamps.get(key) if timestamps else None
        suffix, labels = key
        suffix = plain_suffix(suffix) if text else suffix
        line = f"{sample_name(escaped + suffix, labels, escaping)} {_value(value, when, text=text)}"
        lines.append(line if text else line + _exemplar(family, key))
        if created and not text and key in family.created:
            name = sample_name(escaped + "_created", labels, escaping)
            lines.append(f"{name} {number(family.created[key])}")
        if len(lines) >= LINES_AT_ONCE:
            yield "\n".join([*lines, ""]).encode()
            lines = []
    if lines:
        yield "\n".join([*lines, ""]).encode()


def _value(value: float, when: float | None, *, text: bool) -> str:
    """A value, and its timestamp: milliseconds in the text format, else seconds."""
    if when is None:
        return number(value)
    return f"{number(value)} {round(when * 1000) if text else f'{when:.3f}'}"


def _exemplar(family: AppFamily, key: SampleKey) -> str:
    found = family.exemplars.get(key)
    if found is None:
        return ""
    traced, seen, when = found
    text = f" # {label_set(traced) or '{}'} {number(seen)}"
    return text if when is None else f"{text} {when:.3f}"
