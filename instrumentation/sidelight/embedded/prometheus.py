"""The history, its API and its rules, put together. Needs the extra ``history``."""

import logging
import socket
from collections.abc import Iterator

import anyio
from starlette.routing import BaseRoute

from sidelight.embedded.api.routes import AppState, routes
from sidelight.embedded.history.history import History, return_memory_early
from sidelight.embedded.history.sampler import HistorySampler
from sidelight.embedded.history.scrape import ScrapeTarget
from sidelight.embedded.rules.definition import groups_of_files, groups_of_settings
from sidelight.embedded.rules.evaluator import RuleEvaluator
from sidelight.embedded.settings import HistorySettings
from sidelight.sidecar.watch import Figure, Watch

logger = logging.getLogger("sidelight.sidecar")

FIRST = 2.5
"""Steps until rules are evaluated: a rate needs two samples."""
ANYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 only compared with


class Keeping:
    """What a sidecar remembers, and how it is asked. Raises `SettingsError`."""

    def __init__(self, asked: HistorySettings, watch: Watch, listener: socket.socket) -> None:
        own = asked.service.groups
        groups = list(groups_of_files(asked.rules)) if asked.rules else groups_of_settings(own)
        return_memory_early()
        self._history = History(round(asked.keep * 1000), asked.memory)
        target = target_of(asked, listener)
        self._sampler = HistorySampler(watch, self._history, asked.step, target)
        self._rules = RuleEvaluator(self._history, groups, FIRST * asked.step)
        watch.figures = self.figures

    @property
    def routes(self) -> list[BaseRoute]:
        """The addresses of the API."""
        metadata, exemplars = self._sampler.metadata, self._sampler.exemplars
        return routes(AppState(self._history, metadata, exemplars, self._rules.groups))

    async def keep(self) -> None:
        """Sample and evaluate for ever."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._sampler.run)
            tasks.start_soon(self._rules.run)

    def figures(self) -> Iterator[Figure]:
        """What the page says of the history, as it was after the last step."""
        now = self._history.stats
        yield "sidelight_history_series", "", now.series
        yield "sidelight_history_samples", "", now.samples
        yield "sidelight_history_bytes", "", now.size + self._sampler.exemplars.size
        yield "sidelight_history_span_seconds", "", now.span * 1_000_000
        for reason, number in (
            ("series_full", self._history.skipped),
            ("late", self._sampler.late),
        ):
            yield "sidelight_history_skipped_total", reason, number
        yield "sidelight_rule_failures_total", "", self._rules.failures


def target_of(asked: HistorySettings, listener: socket.socket) -> ScrapeTarget:
    """The labels of this target; without a job where the service's own name is to be it.

    What the rules of the service know it by, its samples have.
    """
    host, port = listener.getsockname()[:2]
    name = socket.gethostname() if host in ANYWHERE else f"[{host}]" if ":" in host else host
    known = {"job": "", "instance": f"{name}:{port}", **asked.service.labels}
    job, instance = known.pop("job"), known.pop("instance")
    return ScrapeTarget(asked.job or job, asked.instance or instance, tuple(known.items()))
