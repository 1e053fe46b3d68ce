"""The embedded Prometheus: history, query API and rules. Needs the extra ``history``."""

import logging
import socket
from collections.abc import Iterator

import anyio
from starlette.routing import BaseRoute

from sidelight.embedded.api.routes import Shelf, routes
from sidelight.embedded.history.allocator import give_back
from sidelight.embedded.history.history import History
from sidelight.embedded.history.sampler import Sampler
from sidelight.embedded.history.target import Target
from sidelight.embedded.rules import load
from sidelight.embedded.rules.evaluator import Evaluator
from sidelight.embedded.settings import Remembering
from sidelight.sidecar.metrics_source import ExtraValue, MetricsSource

logger = logging.getLogger("sidelight.sidecar")

FIRST = 2.5
"""Steps until rules are evaluated: a rate needs two samples."""
ANYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 only compared with


class EmbeddedPrometheus:
    """Samples the metrics of a sidecar, evaluates rules, and serves the query API.

    Raises `SettingsError`.
    """

    def __init__(self, asked: Remembering, source: MetricsSource, listener: socket.socket) -> None:
        own = asked.service.groups
        groups = list(load.of_files(asked.rules)) if asked.rules else load.of_settings(own)
        give_back()
        self._history = History(round(asked.keep * 1000), asked.memory)
        target = target_of(asked, listener)
        self._sampler = Sampler(source, self._history, asked.step, target)
        self._rules = Evaluator(self._history, groups, FIRST * asked.step)
        source.extra_values = self.values

    @property
    def routes(self) -> list[BaseRoute]:
        """The addresses of the API."""
        families, exemplars = self._sampler.families, self._sampler.exemplars
        return routes(Shelf(self._history, families, exemplars, self._rules.groups))

    async def run(self) -> None:
        """Sample and evaluate for ever."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._sampler.keep)
            tasks.start_soon(self._rules.keep)

    def values(self) -> Iterator[ExtraValue]:
        """Metrics of the history itself, as of the last step."""
        now = self._history.figures
        size = now.size + self._sampler.exemplars.size
        yield ExtraValue("sidelight_history_series", "", now.series)
        yield ExtraValue("sidelight_history_samples", "", now.samples)
        yield ExtraValue("sidelight_history_bytes", "", size)
        yield ExtraValue("sidelight_history_span_seconds", "", now.span * 1_000_000)
        for reason, number in (
            ("series_full", self._history.left_out),
            ("late", self._sampler.late),
        ):
            yield ExtraValue("sidelight_history_skipped_total", reason, number)
        yield ExtraValue("sidelight_rule_failures_total", "", self._rules.failures)


def target_of(asked: Remembering, listener: socket.socket) -> Target:
    """The labels of this target; without a job where the service's own name is to be it.

    What the rules of the service know it by, its samples have.
    """
    host, port = listener.getsockname()[:2]
    name = socket.gethostname() if host in ANYWHERE else f"[{host}]" if ":" in host else host
    known = {"job": "", "instance": f"{name}:{port}", **asked.service.labels}
    job, instance = known.pop("job"), known.pop("instance")
    return Target(asked.job or job, asked.instance or instance, tuple(known.items()))
