"""Which service is asked about, over which window, and the text of a query about it."""

import re
from dataclasses import dataclass
from typing import Final

from sidelight.durations import to_seconds, to_text
from sidelight.errors import SettingsError
from sidelight.histogram_queries import DURATION, count, for_engine
from sidelight.text_format import escaped
from sidelight.why.figures import duration

BEFORE: Final = 12
"""Windows from now to the time that is compared with: an hour, at 5 minutes."""
STEPS: Final = 120
"""Points of the query that tells since when."""

MIN_WINDOW: Final = 2.0
MAX_WINDOW: Final = 3600.0

_PLACEHOLDER: Final = re.compile(r"<(sel|,sel|w|long|ago|span)>")
_WRONG: Final = (
    'http_response_status_code=~"5..",error_type!~"client_disconnected|server_shutdown"<,sel>',
    'error_type="incomplete_response"<,sel>',
)
_FAILED: Final = f"({' or '.join(count(DURATION, one, over='[<w>]') for one in _WRONG)})"


@dataclass(frozen=True, slots=True)
class Scope:
    """A job, or every job where it is empty; a window in seconds; and the time of the question.

    ``native`` is whether the source has the functions of native histograms.
    """

    job: str
    window: float
    now: float
    native: bool = True

    @property
    def before(self) -> float:
        """The time that is compared with."""
        return self.now - BEFORE * self.window

    @property
    def ago(self) -> str:
        """That time as a sentence has it."""
        return f"{duration(self.now - self.before)} before"

    def render(self, template: str) -> str:
        """A query, from a template with these placeholders.

        ``<w>`` is the window, ``<long>`` three of them, ``<ago>`` the duration back to the time
        that is compared with, ``<span>`` its seconds, ``<sel>`` the matcher of the job
        (``<,sel>`` after another matcher), ``<failed>`` the rate of failed requests.
        """
        template = for_engine(template.replace("<failed>", _FAILED), native=self.native)
        return _PLACEHOLDER.sub(self._replacement, template).replace("{}", "")

    def _replacement(self, found: re.Match[str]) -> str:
        selector = f'job="{escaped(self.job)}"' if self.job else ""
        return {
            "sel": selector,
            ",sel": selector and f",{selector}",
            "w": self._duration(1),
            "long": self._duration(3),
            "ago": self._duration(BEFORE),
            "span": f"{BEFORE * self.window:g}",
        }[found[1]]

    def _duration(self, windows: int) -> str:
        return to_text(round(windows * self.window * 1000))


def scope(job: str, window: str, now: float) -> Scope:
    """The scope of a window such as ``5m``. Raises `SettingsError`."""
    try:
        seconds = to_seconds(window)
    except ValueError:
        seconds = 0.0
    if not MIN_WINDOW <= seconds <= MAX_WINDOW:
        raise SettingsError("window", window, "must be a duration of 2s to 1h", "--window 5m")
    return Scope(job, seconds, now)
