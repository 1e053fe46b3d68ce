"""The busy time of an event loop, by the lines of code that samples see."""

from collections import Counter

from sidelight.contract import Metric
from sidelight.runtime.line_use import LEAST, LineUse

A = ("/a", "shop.a.total", "shop/a.py", "7")
B = ("/b", "shop.b.total", "shop/b.py", "9")


class Lines(LineUse):
    """The lines of a loop, and what was counted of them."""

    def __init__(self) -> None:
        self.counted: Counter[tuple[str, ...]] = Counter()
        super().__init__(self._add)

    def _add(self, metric: Metric, labels: tuple[str, ...], ns: int) -> None:
        assert metric.name == "asyncio_event_loop_line_seconds_total"
        self.counted[labels] += ns

    def after(self, busy: int, *samples: tuple[str, ...] | None) -> dict[tuple[str, ...], int]:
        """What has been counted when a beat found this."""
        for sample in samples:
            self.add_sample(sample)
        self.beat(busy)
        return dict(self.counted)


def test_a_line_has_its_share_of_samples() -> None:
    """Samples without a line take their share too, which is counted for none."""
    assert Lines().after(4 * LEAST, A, A, B, None) == {A: 2 * LEAST, B: LEAST}


def test_a_short_line_is_counted_once_it_is_long() -> None:
    """A line has no series until it has kept the loop for long enough, and then all its time."""
    lines = Lines()
    assert lines.after(LEAST - 1, A) == {}
    assert lines.after(LEAST, A, B) == {A: LEAST - 1 + LEAST // 2}


def test_ten_lines_of_a_route_have_series() -> None:
    """Further lines of a route are counted together."""
    lines = Lines()
    for number in range(12):
        lines.after(LEAST, ("/a", "f", "a.py", str(number)))
    assert len(lines.counted) == 11
    assert lines.counted["/a", "_OTHER", "_OTHER", "_OTHER"] == 2 * LEAST
