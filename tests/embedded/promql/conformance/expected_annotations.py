"""The infos and warnings that an evaluation of a script expects, beside those of the engine."""

import re
from typing import Final

from sidelight.embedded.promql.annotations import Annotations
from tests.embedded.promql.conformance.script import Evaluation

_POSITION: Final = re.compile(r" \(\d+:\d+\)$")


def expects_annotations(one: Evaluation) -> bool:
    """Whether an evaluation expects an info or a warning."""
    return bool(one.expect.keys() & {"info", "warn"})


def annotation_difference(one: Evaluation, found: Annotations) -> str:
    """How the annotations differ from those that are expected, as Prometheus compares them."""
    infos = _difference(one, "info", found.infos(one.text))
    return infos or _difference(one, "warn", found.warnings(one.text))


def _difference(one: Evaluation, kind: str, found: list[str]) -> str:
    texts = [_POSITION.sub("", text) for text in found]
    expected = one.expect.get(kind, [])
    missing = [message for message in expected if not any(map(message.matches, texts))]
    if missing:
        return f"expected {kind} {missing[0]}, got {texts}"
    unexpected = [text for text in texts if not any(one.matches(text) for one in expected)]
    if unexpected and (expected or f"no_{kind}" in one.expect):
        return f"unexpected {kind} {unexpected[0]!r}"
    return ""
