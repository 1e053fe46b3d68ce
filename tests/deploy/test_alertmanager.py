"""Alertmanager's configuration: its routes by amtool, its inhibitions by a real Alertmanager."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sidelight.slo import config, objectives, rules
from sidelight.slo.context import Rule, RuleContext
from sidelight.slo.objectives import ServiceConfig
from tests.deploy.artefacts import DEPLOY, load, run
from tests.live.servers import PATIENCE, eventually, free_port

FILE = DEPLOY / "alertmanager" / "alertmanager.yml"
DEBIAN = "Debian: prometheus-alertmanager"
PROGRAMS = ("alertmanager", "prometheus-alertmanager")
ROUTES = ("config", "routes", "test", f"--config.file={FILE}")
RECEIVER = {"critical": "pages", "warning": "tickets"}
NAMED = config.read(
    {
        "service": "shop",
        "slo": {
            "availability": "99.9%",
            "latency": "99% < 300ms",
            "route": [
                {
                    "match": "POST /checkout",
                    "availability": "99.95%",
                    "latency": "99% < 1s",
                }
            ],
        },
    }
)
"""Every kind of objective, of a service and of a route."""

Labels = dict[str, str]


def alerts(service: ServiceConfig) -> list[Labels]:
    """The labels of each alerting rule, with the job in the place of templates."""
    groups = rules.groups(RuleContext(service))
    return [labels(rule) for group in groups for rule in group["rules"] if "alert" in rule]


def labels(rule: Rule) -> Labels:
    """The labels that Prometheus sends."""
    found = {"alertname": rule["alert"], "job": "shop", **rule["labels"]}
    return {name: text.replace("{{ $labels.job }}", "shop") for name, text in found.items()}


OF_SHOP = alerts(NAMED)
ALERTS = OF_SHOP + [one for one in alerts(objectives.default()) if one not in OF_SHOP]
"""The alerts of a service with objectives and of a job without, each once."""


def test_amtool_accepts_the_configuration() -> None:
    """``amtool check-config`` finds the route, both receivers and the inhibitions."""
    output = run("amtool", "check-config", str(FILE), package=DEBIAN).stdout
    inhibitions = len(load(FILE)["inhibit_rules"])
    assert "SUCCESS" in output
    assert "- 2 receivers" in output
    assert f"- {inhibitions} inhibit rules" in output


def test_an_alert_is_routed_by_its_severity() -> None:
    """``amtool config routes test`` sends critical alerts to pages, and warnings to tickets.

    One alert of each name and severity is enough: routes match no other labels.
    """
    routes = load(FILE)["route"]["routes"]
    matched = {re.split("[=!]", text)[0] for one in routes for text in one["matchers"]}
    assert matched == {"severity", "alertname"}
    for alert in {(one["alertname"], one["severity"]): one for one in ALERTS}.values():
        pairs = [f"{name}={text}" for name, text in alert.items()]
        verify = f"--verify.receivers={RECEIVER[alert['severity']]}"
        output = run("amtool", *ROUTES, verify, *pairs, package=DEBIAN).stdout
        assert output.split() == [RECEIVER[alert["severity"]]]


def test_an_alert_without_severity_is_a_ticket() -> None:
    """An alert of another project, without a severity, becomes a ticket."""
    output = run("amtool", *ROUTES, "alertname=PrometheusNotIngesting", package=DEBIAN).stdout
    assert output.split() == ["tickets"]


def test_receivers_are_stubs() -> None:
    """No receiver sends anything until a user configures it."""
    assert load(FILE)["receivers"] == [{"name": "pages"}, {"name": "tickets"}]


def test_reminders_are_within_the_retention() -> None:
    """No repeat_interval is longer than Alertmanager's default retention of 120h."""
    top = load(FILE)["route"]
    hours = [int(one["repeat_interval"].removesuffix("h")) for one in (top, *top["routes"])]
    assert max(hours) < 120


def test_every_name_in_the_file_is_an_alert() -> None:
    """Each alert name or pattern in the file matches an alert, so that none is stale."""
    known = {alert["alertname"] for alert in ALERTS}
    for pattern in re.findall(r'alertname=~?"([^"]+)"', FILE.read_text()):
        for name in pattern.split("|"):
            assert [one for one in known if re.fullmatch(name, one)], name


class Case(NamedTuple):
    """Alerts of one service that fire at the same time; those in ``inhibited`` are inhibited."""

    claim: str
    sent: tuple[Labels, ...]
    inhibited: tuple[Labels, ...]


def some(name: str, **more: str) -> tuple[Labels, ...]:
    """The labels of each alert with this name and these labels; "" is for no such label."""
    found = tuple(
        alert
        for alert in ALERTS
        if alert["alertname"] == name and all(alert.get(k, "") == v for k, v in more.items())
    )
    assert found, (name, more)
    return found


SERVICE = {"slo": "availability", "http_route": ""}
CHECKOUT = {"slo": "availability", "http_route": "/checkout"}
AVAILABLE = (
    *some("AvailabilityErrorBudgetBurn", severity="warning", **SERVICE),
    *some("ErrorBudgetExhausted", **SERVICE),
    *some("LowTrafficHighErrorRatio", **SERVICE),
)
CONSEQUENCES_CRITICAL = (
    *some("AvailabilityErrorBudgetBurn", severity="critical"),
    *some("LatencyErrorBudgetBurn", severity="critical"),
    *some("TrafficStopped"),
    *some("WorkerBlocked", severity="critical"),
    *some("RequestsStuck", severity="critical"),
)
CONSEQUENCES = (
    *some("AvailabilityErrorBudgetBurn", severity="warning"),
    *some("LatencyErrorBudgetBurn", severity="warning"),
    *some("ErrorBudgetExhausted"),
    *some("LowTrafficHighErrorRatio"),
    *some("WorkerBlocked", severity="warning"),
    *some("RequestsStuck", severity="warning"),
    *some("TargetNotInstrumented"),
    *some("OtlpExportFailing"),
)
CAUSES = (
    *some("RestartLoop"),
    *some("MemoryNearsLimit"),
    *some("FileDescriptorsLow"),
    *some("ThreadPoolSaturated"),
    *some("ConnectionPoolExhausted"),
    *some("HTTPClientSlow"),
    *some("FastAPIDependencySlow"),
    *some("EventLoopBlocked"),
)
CASES = (
    Case(
        "a page about an objective inhibits its warnings, of each window",
        some("AvailabilityErrorBudgetBurn", severity="critical", **SERVICE),
        AVAILABLE,
    ),
    Case(
        "it does not inhibit the warnings of another objective, of another kind or of a route",
        (
            *some("AvailabilityErrorBudgetBurn", severity="critical", **SERVICE),
            *some("LatencyErrorBudgetBurn", severity="warning"),
            *some("AvailabilityErrorBudgetBurn", severity="warning", **CHECKOUT),
            *some("ErrorBudgetExhausted", slo="latency"),
        ),
        (),
    ),
    Case(
        "a page about a route inhibits that route's warnings, and not the service's",
        (
            *some("AvailabilityErrorBudgetBurn", severity="critical", **CHECKOUT),
            *some("AvailabilityErrorBudgetBurn", severity="warning", **SERVICE),
        ),
        some("AvailabilityErrorBudgetBurn", severity="warning", **CHECKOUT),
    ),
    Case(
        "a page inhibits no cause",
        (*some("AvailabilityErrorBudgetBurn", severity="critical"), *CAUSES),
        (),
    ),
    Case("warnings inhibit nothing", (*AVAILABLE, *CAUSES), ()),
    Case(
        "a service that is down inhibits the consequences, and no cause",
        (*some("TargetsDown", severity="critical"), *CAUSES),
        (*CONSEQUENCES_CRITICAL, *CONSEQUENCES, *some("TargetsDown", severity="warning")),
    ),
    Case(
        "a service with objectives that has vanished does the same",
        (*some("ServiceVanished", severity="critical"), *CAUSES),
        (*CONSEQUENCES_CRITICAL, *CONSEQUENCES),
    ),
    Case(
        "a job without objectives that has vanished inhibits warnings only",
        (*some("ServiceVanished", severity="warning"), *CONSEQUENCES_CRITICAL[:1], *CAUSES),
        CONSEQUENCES,
    ),
    Case(
        "some targets that are down inhibit nothing",
        (
            *some("TargetsDown", severity="warning"),
            *CONSEQUENCES_CRITICAL[:1],
            *some("RequestsStuck", severity="warning"),
            *CAUSES,
        ),
        (),
    ),
    Case(
        "all workers blocked inhibits one worker blocked, and traffic stopped",
        (
            *some("WorkerBlocked", severity="critical"),
            *some("RequestsStuck", severity="warning"),
            *CAUSES,
        ),
        (*some("WorkerBlocked", severity="warning"), *some("TrafficStopped")),
    ),
    Case(
        "all workers blocked inhibits all requests stuck",
        (*some("WorkerBlocked", severity="critical"), *CAUSES),
        some("RequestsStuck"),
    ),
    Case(
        "all requests stuck inhibits one request stuck, and no cause",
        (*some("RequestsStuck", severity="critical"), *CAUSES),
        some("RequestsStuck", severity="warning"),
    ),
    Case(
        "one worker blocked does not inhibit traffic stopped",
        (*some("WorkerBlocked", severity="warning"), *some("TrafficStopped")),
        (),
    ),
)


class Alertmanager:
    """A real Alertmanager, on a free port of this machine and without peers."""

    def __init__(self, program: str, folder: Path) -> None:
        self.port = free_port()
        self.log = folder / "alertmanager.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    program,
                    f"--config.file={FILE}",
                    f"--storage.path={folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--cluster.listen-address=",
                ],
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with suppress(OSError):
            return self.request("GET", "/-/ready")[0] == 200
        return False

    def post(self, firing: Iterable[Labels]) -> None:
        status, body = self.request("POST", "/api/v2/alerts", [{"labels": one} for one in firing])
        assert status == 200, body

    def inhibited(self) -> dict[frozenset[tuple[str, str]], bool]:
        """Each alert, and whether another one inhibits it."""
        status, body = self.request("GET", "/api/v2/alerts")
        assert status == 200, body
        return {
            frozenset(one["labels"].items()): bool(one["status"]["inhibitedBy"])
            for one in json.loads(body)
        }

    def end(self) -> None:
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"Alertmanager is not installed ({DEBIAN})")
    started = Alertmanager(program, tmp_path_factory.mktemp("alertmanager"))
    try:
        eventually(started.ready)
        yield started
    finally:
        started.end()


NUMBER = count()


def moved(firing: Iterable[Labels], place: Mapping[str, str]) -> set[frozenset[tuple[str, str]]]:
    """The same alerts of another service or place, so that cases do not affect each other."""
    return {frozenset({**one, **place}.items()) for one in firing}


@pytest.mark.live
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim)
def test_inhibitions(alertmanager: Alertmanager, case: Case) -> None:
    """A real Alertmanager inhibits exactly these of the alerts that fire at the same time."""
    name = f"shop-{next(NUMBER)}"
    place = {"service": name, "job": name}
    sent, inhibited = moved(case.sent, place), moved(case.inhibited, place)
    alertmanager.post(map(dict, sent | inhibited))

    def settled() -> bool:
        found = alertmanager.inhibited()
        return sent | inhibited <= found.keys() and all(found[one] for one in inhibited)

    eventually(settled)
    found = alertmanager.inhibited()
    assert {one for one in sent if found[one]} == set()


@pytest.mark.live
@pytest.mark.parametrize(
    "elsewhere", [{"service": "cart"}, {"namespace": "staging"}, {"cluster": "b"}]
)
def test_no_inhibition_elsewhere(alertmanager: Alertmanager, elsewhere: Labels) -> None:
    """A service that is down inhibits no alert of another service, namespace or cluster."""
    home = {"service": f"shop-{next(NUMBER)}", "namespace": "prod", "cluster": "a"}
    (down,) = moved(some("TargetsDown", severity="critical")[:1], home)
    (follows,) = moved(some("TrafficStopped")[:1], home)
    (other,) = moved(some("TrafficStopped")[:1], {**home, **elsewhere})
    alertmanager.post(map(dict, (down, follows, other)))
    eventually(lambda: alertmanager.inhibited().get(follows))
    assert alertmanager.inhibited()[other] is False


@pytest.mark.live
def test_groups(alertmanager: Alertmanager) -> None:
    """Both windows of an objective are one group; other objectives and other alerts are others."""
    name = f"shop-{next(NUMBER)}"
    alertmanager.post(
        map(
            dict, moved(some("AvailabilityErrorBudgetBurn", severity="critical"), {"service": name})
        )
    )
    alertmanager.post(map(dict, moved(CAUSES[:4], {"service": name})))

    def groups() -> list[tuple[str, str, int]]:
        _, body = alertmanager.request("GET", "/api/v2/alerts/groups")
        return sorted(
            (one["labels"].get("slo", ""), one["labels"].get("http_route", ""), len(one["alerts"]))
            for one in json.loads(body)
            if one["labels"].get("service") == name
        )

    expected = [("", "", 4), ("availability", "", 2), ("availability", "/checkout", 2)]
    assert eventually(lambda: groups() == expected)
