"""A Prometheus, or a sidecar, asked over HTTP.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode

from sidelight.doctor.fetch import fetch, is_url
from sidelight.errors import SettingsError
from sidelight.why.source import (
    CurrentAlert,
    Labels,
    LoadedAlerts,
    Sample,
    SourceError,
    contradicts,
)

TIMEOUT: Final = 5.0
"""Seconds for one answer."""
EXAMPLE: Final = "sidelight why http://127.0.0.1:9464"
MALFORMED: Final = (ValueError, KeyError, TypeError, AttributeError)


class HTTPPrometheus:
    """A server with Prometheus's HTTP API. Raises `SettingsError` for what is no URL."""

    def __init__(
        self, url: str, token: str | None = None, login: tuple[str, str] | None = None
    ) -> None:
        if not is_url(url):
            raise SettingsError("URL", url, "must be an http or https address", EXAMPLE)
        self._url = url.rstrip("/")
        self._token = token
        self._login = login

    def query(self, expr: str, at: float) -> list[Sample]:
        """The result of a query at one time."""
        data = self._get("query", {"query": expr, "time": f"{at:.3f}"})
        try:
            return [Sample(one["metric"], float(one["value"][1])) for one in data["result"]]
        except MALFORMED as error:
            raise SourceError(f"{self._url} answers {expr} with something else") from error

    def times(self, expr: str, labels: Labels, period: tuple[float, float, float]) -> list[float]:
        """The times at which a query has such a series."""
        times = dict(zip(("start", "end", "step"), (f"{one:.3f}" for one in period), strict=True))
        data = self._get("query_range", {"query": expr, **times})
        try:
            found = [one for one in data["result"] if not contradicts(one["metric"], labels)]
            return sorted({float(t) for one in found for t, _ in one["values"]})
        except MALFORMED as error:
            raise SourceError(f"{self._url} answers {expr} with something else") from error

    def alerts(self, names: Collection[str]) -> LoadedAlerts:
        """The rules with these names and their alerts; where none is listed, the recorded ones."""
        parameters = [("type", "alert"), *(("rule_name[]", name) for name in sorted(names))]
        try:
            data = self._get("rules", parameters)
            rules = [rule for group in data["groups"] for rule in group["rules"]]
            rules = [rule for rule in rules if rule["name"] in names]
            active = [_active(rule["name"], one) for rule in rules for one in rule["alerts"] or ()]
        except (SourceError, *MALFORMED):
            return LoadedAlerts(None, self._recorded_alerts(names))
        if not rules and (recorded := self._recorded_alerts(names)):
            return LoadedAlerts(None, recorded)
        return LoadedAlerts(frozenset(rule["name"] for rule in rules), active)

    def slow(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """The last slow requests, which only a sidecar has. Raises `SourceError`."""
        found = self._json(f"{self._url}/slow", parameters)
        if not isinstance(found, dict):
            raise SourceError(f"{self._url}/slow is not a sidecar's answer")
        return found

    def metadata(self) -> list[dict[str, Any]]:
        """The names of metrics with their types and meanings. Raises `SourceError`."""
        data = self._get("metadata", {})
        try:
            return [{"name": name, **dict(kinds[0])} for name, kinds in sorted(data.items())]
        except (*MALFORMED, IndexError) as error:
            raise SourceError(f"{self._url} answers metadata with something else") from error

    def _recorded_alerts(self, names: Collection[str]) -> list[CurrentAlert]:
        """Of a store that evaluates no rules, such as VictoriaMetrics, whose list is empty."""
        data = self._get("query", {"query": f'ALERTS_FOR_STATE{{alertname=~"{"|".join(names)}"}}'})
        firing = self._get("query", {"query": 'ALERTS{alertstate="firing"}'})
        fired = [_identity(one["metric"]) for one in firing["result"]]
        return [
            CurrentAlert(
                one["metric"]["alertname"],
                "firing" if _identity(one["metric"]) in fired else "pending",
                float(one["value"][1]),
                one["metric"],
                {},
            )
            for one in data["result"]
        ]

    def _get(self, path: str, parameters: Mapping[str, str] | list[tuple[str, str]]) -> Any:
        url = f"{self._url}/api/v1/{path}"
        try:
            return self._json(url, parameters)["data"]
        except MALFORMED as error:
            raise SourceError(f"{url} is not a Prometheus's answer") from error

    def _json(self, url: str, parameters: Mapping[str, str] | list[tuple[str, str]]) -> Any:
        try:
            text = fetch(f"{url}?{urlencode(parameters)}", TIMEOUT, self._token, self._login)
            return json.loads(text)
        except HTTPError as error:
            raise SourceError(f"{url} answers {error.code} {error.reason}") from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or str(error) or type(error).__name__
            raise SourceError(f"{url} can't be reached: {reason}") from error
        except ValueError as error:
            raise SourceError(f"{url} is not a Prometheus's answer") from error


def _active(name: str, alert: Mapping[str, Any]) -> CurrentAlert:
    since = datetime.fromisoformat(alert["activeAt"]).timestamp()
    return CurrentAlert(
        name, alert["state"], since, alert["labels"], alert.get("annotations") or {}
    )


def _identity(labels: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in labels.items() if k not in {"__name__", "alertstate"}}
