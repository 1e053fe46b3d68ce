"""Clients of Prometheus's HTTP API and of the sidecar, and what every page of a viewer shares."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import httpx

from sidelight import bearer_token, packaged
from sidelight.embedded.viewer import query_result
from sidelight.embedded.viewer.dashboard import Dashboard, load
from sidelight.embedded.viewer.query_result import (
    ActiveAlert,
    AlertingRule,
    DataSourceError,
    QueryResult,
    TraceExemplar,
)
from sidelight.embedded.viewer.settings import Login, ViewerSettings
from sidelight.embedded.viewer.time_range import TimeRange
from sidelight.histogram_queries import NATIVE_FUNCTION, without_native

MAX_CONCURRENT_QUERIES: Final = 8
"""A sidecar is one process, which other clients use too."""
TIMEOUT: Final = 15.0
"""Seconds for one answer."""
REFUSED: Final = {httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY}
"""The status of a query that Prometheus, or VictoriaMetrics, cannot evaluate."""
MAX_QUOTED: Final = 200
"""Characters of an answer that is not JSON, quoted in the error."""


class HTTPSource:
    """A connection to one server, with a token, or with a user and a password in its place."""

    def __init__(self, url: str, token: str | None = None, login: Login | None = None) -> None:
        self.url = url.rstrip("/")
        headers = {b"Authorization": bearer_token.authorization(token)} if token else {}
        # The environment's proxies are ignored: the server is on this machine, or was named.
        self._http = httpx.AsyncClient(
            auth=login, headers=headers, timeout=TIMEOUT, trust_env=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request. Raises `DataSourceError` if there is no answer."""
        url = f"{self.url}{path}"
        try:
            return await self._http.request(method, url, **options)
        except httpx.TimeoutException as error:
            raise DataSourceError(f"{url} did not answer within {TIMEOUT:g} seconds") from error
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise DataSourceError(f"{url} can't be reached: {reason}") from error


class PrometheusClient(HTTPSource):
    """A client of a server with Prometheus's HTTP API. Every method raises `DataSourceError`."""

    def __init__(self, url: str, token: str | None = None, login: Login | None = None) -> None:
        super().__init__(url, token, login)
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_QUERIES)
        self._native: bool | None = None
        self._asking = asyncio.Lock()

    async def query(self, expr: str, time: float) -> QueryResult:
        """Evaluate a query at one time."""
        form = {"query": await self._known(expr), "time": f"{time:.3f}"}
        return query_result.query_result(await self._post("query", form))

    async def query_range(self, expr: str, period: TimeRange, step: float) -> QueryResult:
        """Evaluate a query over a time range."""
        form = {"query": await self._known(expr), **_ends(period), "step": f"{step:g}"}
        return query_result.query_result(await self._post("query_range", form))

    async def label_values(self, label: str, selector: str, period: TimeRange) -> tuple[str, ...]:
        """The values of a label, of the series that match a selector; of all series if empty."""
        parameters = {**_ends(period), **({"match[]": selector} if selector else {})}
        body = await self._get(f"label/{label}/values", parameters)
        return tuple(map(str, body["data"]))

    async def exemplars(self, expr: str, period: TimeRange) -> tuple[TraceExemplar, ...]:
        """The exemplars of the series that a query reads."""
        form = {"query": expr, **_ends(period)}
        return query_result.exemplars(await self._post("query_exemplars", form))

    async def rules(self) -> tuple[AlertingRule, ...]:
        """The alerting rules with their alerts."""
        return query_result.alerting_rules(await self._get("rules", {"type": "alert"}))

    async def alerts(self) -> tuple[ActiveAlert, ...]:
        """The alerts that are pending or firing."""
        body = await self._get("alerts", {})
        return tuple(map(query_result.active_alert, body["data"]["alerts"]))

    async def _known(self, expr: str) -> str:
        """The query, without native histograms where the server has no functions of them."""
        classic = without_native(expr)
        if classic == expr or await self._has_native_functions():
            return expr
        return classic

    async def _has_native_functions(self) -> bool:
        """Asked once, though many panels are loaded at a time."""
        async with self._asking:
            if self._native is None:
                try:
                    await self._post("query", {"query": NATIVE_FUNCTION})
                except query_result.QueryRefusedError:
                    self._native = False
                else:
                    self._native = True
            return self._native

    async def _get(self, path: str, parameters: Mapping[str, str]) -> Any:
        async with self._slots:
            return _body(await self.request("GET", f"/api/v1/{path}", params=parameters))

    async def _post(self, path: str, form: Mapping[str, str]) -> Any:
        async with self._slots:
            return _body(await self.request("POST", f"/api/v1/{path}", data=form))


def _ends(period: TimeRange) -> dict[str, str]:
    return {"start": f"{period.start:.3f}", "end": f"{period.end:.3f}"}


def _body(response: httpx.Response) -> Any:
    try:
        body = json.loads(response.content)
        if body["status"] == "success":
            return body
        problem = f"{body['errorType']}: {body['error']}"
        if response.status_code in REFUSED:
            raise query_result.QueryRefusedError(problem)
    except (ValueError, KeyError, TypeError):
        text = response.text.strip()[:MAX_QUOTED] or response.reason_phrase
        problem = f"{response.status_code} from {response.url}: {text}"
    raise DataSourceError(problem)


class SlowRequests(NamedTuple):
    """What a sidecar says of slow requests, and of what is slow now.

    ``blocked`` are event loops, ``causes`` what slow requests have in common, ``in_flight`` the
    oldest request of each route and worker, of those that were examined.
    """

    slow: list[dict[str, Any]]
    blocked: list[dict[str, Any]]
    causes: list[dict[str, Any]]
    in_flight: list[dict[str, Any]]


class SidecarClient(HTTPSource):
    """A client of a sidecar."""

    async def slow_requests(self) -> SlowRequests:
        """The latest slow requests, and what blocks loops now. Raises `DataSourceError`."""
        response = await self.request("GET", "/slow")
        if response.status_code != httpx.codes.OK:
            text = response.text.strip()[:MAX_QUOTED]
            raise DataSourceError(f"{response.status_code} from {self.url}/slow: {text}")
        try:
            answer = response.json()
            more = (list(answer.get(name, ())) for name in SlowRequests._fields[1:])
            return SlowRequests(list(answer["slow"]), *more)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataSourceError(f"{self.url}/slow is not a sidecar's answer") from error


@dataclass(frozen=True, slots=True)
class ViewerContext:
    """What all pages share: the settings, the dashboards by uid, and the clients."""

    settings: ViewerSettings
    dashboards: dict[str, Dashboard]
    prometheus: PrometheusClient
    sidecar: SidecarClient

    async def close(self) -> None:
        """Close the connections."""
        await self.prometheus.close()
        await self.sidecar.close()


def viewer_context(settings: ViewerSettings) -> ViewerContext:
    """Load the dashboards and make the clients. Raises `SidelightError`."""
    dashboards = {dashboard.uid: dashboard for dashboard in map(load, packaged.dashboards())}
    source, sidecar, logins = settings.metrics_url, settings.sidecar, settings.logins
    return ViewerContext(
        settings,
        dashboards,
        PrometheusClient(source, settings.token, logins.get(source)),
        SidecarClient(sidecar, settings.token, logins.get(sidecar)),
    )
