"""What ``sidelight doctor`` says of the way of common requests."""

import pytest

from sidelight.doctor import machine
from sidelight.doctor.machine import check_machine
from sidelight.extension import BUILD, PURE


@pytest.mark.parametrize(
    ("extension", "environ", "level", "text"),
    [
        (object(), {}, "ok", "fast path: native"),
        (None, {PURE: "1"}, "ok", "fast path: Python, since SIDELIGHT_PURE is set"),
        (None, {}, "warn", "fast path: Python, since this installation has no native extension"),
    ],
)
def test_the_way_of_common_requests(
    monkeypatch: pytest.MonkeyPatch,
    extension: object,
    environ: dict[str, str],
    level: str,
    text: str,
) -> None:
    """A missing extension is a warning that says how to get one; a choice is none."""
    monkeypatch.setattr(machine, "extension", extension)
    (found,) = [each for each in check_machine(environ) if each.what.startswith("fast path")]
    assert found.level == level
    assert found.what.startswith(text)
    assert (BUILD in found.fix) == (level == "warn")
