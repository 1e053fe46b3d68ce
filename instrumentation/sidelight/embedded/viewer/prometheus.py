"""Prometheus's HTTP API, asked: https://prometheus.io/docs/prometheus/latest/querying/api/."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import httpx

from sidelight.embedded.viewer.times import Range

AT_ONCE: Final = 8
"""Queries under way at once: a sidecar is one process, and others ask it too."""
PATIENCE: Final = 15.0
"""Seconds for one answer."""
LONG: Final = 200
"""Characters of an answer that is no JSON, quoted in the error."""
Labels = Mapping[str, str]


class AskError(Exception):
    """The server didn't answer, or refused; the message is for the reader of a panel."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: seconds since 1970, and a value for each."""

    labels: Labels
    times: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Answer:
    """Series, and what the server warns of."""

    series: tuple[Series, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One trace: when, how much, and its labels."""

    time: float
    value: float
    labels: Labels


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert that is pending or firing."""

    labels: Labels
    annotations: Labels
    state: str
    since: str
    value: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One alerting rule, with its alerts."""

    name: str
    expr: str
    wait: float
    labels: Labels
    annotations: Labels
    health: str
    error: str
    alerts: tuple[Alert, ...] = field(default=())


class Prometheus:
    """A client of one server. Close it."""

    def __init__(
        self, url: str, token: str | None = None, login: tuple[str, str] | None = None
    ) -> None:
        """A user and a password go before the token."""
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # No proxy of the environment's: what is asked is on this machine, or named outright.
        self._http = httpx.AsyncClient(
            auth=login, headers=headers, timeout=PATIENCE, trust_env=False
        )
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Drop the connections."""
        await self._http.aclose()

    async def at(self, query: str, time: float) -> Answer:
        """A query at one moment."""
        return answer(await self._ask("query", {"query": query, "time": f"{time:.3f}"}))

    async def over(self, query: str, asked: Range, step: float) -> Answer:
        """A query over a range."""
        form = {"query": query, **_ends(asked), "step": f"{step:g}"}
        return answer(await self._ask("query_range", form))

    async def values(self, label: str, selector: str, asked: Range) -> tuple[str, ...]:
        """The values of a label, of the series that a selector picks; all without one."""
        form = {**_ends(asked), **({"match[]": selector} if selector else {})}
        found = await self._ask(f"label/{label}/values", form, method="GET")
        return tuple(map(str, found["data"]))

    async def exemplars(self, query: str, asked: Range) -> tuple[Exemplar, ...]:
        """Traces of the series that a query reads, the oldest first."""
        found = await self._ask("query_exemplars", {"query": query, **_ends(asked)})
        every = (one for series in found["data"] for one in series["exemplars"])
        made = (
            Exemplar(float(one["timestamp"]), float(one["value"]), one.get("labels", {}))
            for one in every
        )
        return tuple(sorted(made, key=lambda one: one.time))

    async def rules(self) -> tuple[Rule, ...]:
        """Alerting rules with their alerts, in the order of the server's files."""
        found = await self._ask("rules", {"type": "alert"}, method="GET")
        groups = found["data"]["groups"]
        return tuple(rule(one) for group in groups for one in group["rules"])

    async def alerts(self) -> tuple[Alert, ...]:
        """Alerts that are pending or firing."""
        found = await self._ask("alerts", {}, method="GET")
        return tuple(map(alert, found["data"]["alerts"]))

    async def _ask(self, path: str, form: Mapping[str, str], method: str = "POST") -> Any:
        url = f"{self.url}/api/v1/{path}"
        given = {"params": form} if method == "GET" else {"data": form}
        async with self._gate:
            return _content(await get(self._http, method, url, given))


async def get(
    client: httpx.AsyncClient, method: str, url: str, given: Mapping[str, Any] | None = None
) -> httpx.Response:
    """A request. Raises `AskError` where nobody answers."""
    try:
        return await client.request(method, url, **(given or {}))
    except httpx.TimeoutException as error:
        raise AskError(f"{url} gave no answer in {PATIENCE:g} seconds") from error
    except httpx.HTTPError as error:
        raise AskError(f"{url} can't be reached: {str(error) or type(error).__name__}") from error


def _content(response: httpx.Response) -> Any:
    try:
        found = json.loads(response.content)
        if found["status"] == "success":
            return found
        problem = f"{found['errorType']}: {found['error']}"
    except (ValueError, KeyError, TypeError):
        text = response.text.strip()[:LONG] or response.reason_phrase
        problem = f"{response.status_code} from {response.url}: {text}"
    raise AskError(problem)


def _ends(asked: Range) -> dict[str, str]:
    return {"start": f"{asked.since:.3f}", "end": f"{asked.until:.3f}"}


def answer(found: Any) -> Answer:
    """An answer's series; a scalar is a series without labels. Raises `AskError` for a string."""
    data = found["data"]
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        result = [{"metric": {}, "value": result}]
    elif kind not in {"matrix", "vector"}:
        raise AskError(f"a {kind} can't be drawn")
    warnings = (*found.get("warnings", ()), *found.get("infos", ()))
    return Answer(tuple(map(_series, result)), warnings)


def _series(one: Any) -> Series:
    points = one.get("values") or ([one["value"]] if "value" in one else [])
    return Series(one["metric"], [float(t) for t, _ in points], [float(v) for _, v in points])


def alert(found: Any) -> Alert:
    """An alert of the API."""
    return Alert(
        found["labels"],
        found.get("annotations", {}),
        found["state"],
        found.get("activeAt") or "",
        found.get("value", ""),
    )


def rule(found: Any) -> Rule:
    """An alerting rule of the API."""
    return Rule(
        name=found["name"],
        expr=found["query"],
        wait=float(found.get("duration", 0)),
        labels=found.get("labels", {}),
        annotations=found.get("annotations", {}),
        health=found.get("health", ""),
        error=found.get("lastError", ""),
        alerts=tuple(map(alert, found.get("alerts") or ())),
    )
