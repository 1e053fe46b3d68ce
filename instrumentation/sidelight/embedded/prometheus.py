"""The embedded Prometheus: history, query API and rules. Needs the extra ``history``."""

import logging
import socket
from collections.abc import Iterator

import anyio
from starlette.routing import BaseRoute

from sidelight.embedded.api.routes import AppState, routes
from sidelight.embedded.history.history import History, return_memory_early
from sidelight.embedded.history.scrape import ScrapeTarget
from sidelight.embedded.history.scrape_loop import HistorySampler
from sidelight.embedded.rules.definition import groups_of_files, groups_of_settings
from sidelight.embedded.rules.evaluator import RuleEvaluator
from sidelight.embedded.settings import HistorySettings
from sidelight.sidecar.metrics_source import ExtraValue, MetricsSource

logger = logging.getLogger("sidelight.sidecar")

FIRST = 2.5
"""Steps until rules are evaluated: a rate needs two samples."""
ANYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 only compared with


class EmbeddedPrometheus:
    """Samples the metrics of a sidecar, evaluates rules, and serves the query API.

    Raises `SettingsError`.
    """

    def __init__(
        self, settings: HistorySettings, source: MetricsSource, listener: socket.socket
    ) -> None:
        groups = (
            list(groups_of_files(settings.rules))
            if settings.rules
            else groups_of_settings(settings.service.groups)
        )
        return_memory_early()
        self._history = History(round(settings.keep * 1000), settings.memory)
        target = target_of(settings, listener)
        native = source.settings.native_histograms
        self._sampler = HistorySampler(source, self._history, settings.step, target, native=native)
        self._rules = RuleEvaluator(self._history, groups, FIRST * settings.step)
        source.extra_values = self.values

    @property
    def routes(self) -> list[BaseRoute]:
        """The addresses of the API."""
        metadata, exemplars = self._sampler.metadata, self._sampler.exemplars
        return routes(AppState(self._history, metadata, exemplars, self._rules.groups))

    async def run(self) -> None:
        """Sample and evaluate for ever."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._sampler.run)
            tasks.start_soon(self._rules.run)

    def values(self) -> Iterator[ExtraValue]:
        """Metrics of the history itself, as of the last step."""
        now = self._history.stats
        size = now.size + self._sampler.exemplars.size
        yield ExtraValue("sidelight_history_series", "", now.series)
        yield ExtraValue("sidelight_history_samples", "", now.samples)
        yield ExtraValue("sidelight_history_bytes", "", size)
        yield ExtraValue("sidelight_history_span_seconds", "", now.span * 1_000_000)
        for reason, number in (
            ("series_full", self._history.skipped),
            ("late", self._sampler.late),
        ):
            yield ExtraValue("sidelight_history_skipped_total", reason, number)
        yield ExtraValue("sidelight_rule_failures_total", "", self._rules.failures)


def target_of(settings: HistorySettings, listener: socket.socket) -> ScrapeTarget:
    """The labels of the samples: those that the rules select the service by, and the instance.

    The job is empty where the service's own name is used.
    """
    host, port = listener.getsockname()[:2]
    name = socket.gethostname() if host in ANYWHERE else f"[{host}]" if ":" in host else host
    known = {"job": "", "instance": f"{name}:{port}", **settings.service.labels}
    job, instance = known.pop("job"), known.pop("instance")
    return ScrapeTarget(settings.job or job, settings.instance or instance, tuple(known.items()))
