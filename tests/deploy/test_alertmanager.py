"""Alertmanager's file: what its own tool makes of it, and what a real one silences."""

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
    """The labels of each alerting rule, with the job's where a template asks for it."""
    groups = rules.groups(RuleContext(service))
    return [labels(rule) for group in groups for rule in group["rules"] if "alert" in rule]


def labels(rule: Rule) -> Labels:
    """As Prometheus sends them."""
    found = {"alertname": rule["alert"], "job": "shop", **rule["labels"]}
    return {name: text.replace("{{ $labels.job }}", "shop") for name, text in found.items()}


OF_SHOP = alerts(NAMED)
ALERTS = OF_SHOP + [one for one in alerts(objectives.default()) if one not in OF_SHOP]
"""Of a service with objectives and of a job without, each once."""


def identity(alert: Labels) -> str:
    """How a test of it is called."""
    parts = (alert["alertname"], alert["severity"], alert.get("http_route"), alert.get("window"))
    return "-".join(part for part in parts if part)


def test_amtool_accepts_the_configuration() -> None:
    """``amtool check-config`` finds the route, both receivers and the inhibitions."""
    said = run("amtool", "check-config", str(FILE), package=DEBIAN).stdout
    inhibitions = len(load(FILE)["inhibit_rules"])
    assert "SUCCESS" in said
    assert "- 2 receivers" in said
    assert f"- {inhibitions} inhibit rules" in said


@pytest.mark.parametrize("alert", ALERTS, ids=identity)
def test_an_alert_goes_where_its_severity_says(alert: Labels) -> None:
    """``amtool config routes test`` sends critical to pages and warning to tickets."""
    pairs = [f"{name}={text}" for name, text in alert.items()]
    receiver = RECEIVER[alert["severity"]]
    verify = f"--verify.receivers={receiver}"
    said = run("amtool", *ROUTES, verify, *pairs, package=DEBIAN).stdout
    assert said.split() == [receiver]


def test_an_alert_without_severity_wakes_nobody() -> None:
    """Somebody else's alert, with no severity of ours, becomes a ticket."""
    said = run("amtool", *ROUTES, "alertname=PrometheusNotIngesting", package=DEBIAN).stdout
    assert said.split() == ["tickets"]


def test_receivers_are_stubs() -> None:
    """No receiver sends anything before a user has said where to."""
    assert load(FILE)["receivers"] == [{"name": "pages"}, {"name": "tickets"}]


def test_reminders_come_before_they_are_forgotten() -> None:
    """No repeat_interval is longer than Alertmanager remembers what it sent: 120h by default."""
    top = load(FILE)["route"]
    hours = [int(one["repeat_interval"].removesuffix("h")) for one in (top, *top["routes"])]
    assert max(hours) < 120


def test_every_name_in_the_file_is_an_alerts() -> None:
    """Each name or pattern that it matches by is the name of some alert, so that none is stale."""
    known = {alert["alertname"] for alert in ALERTS}
    for pattern in re.findall(r'alertname=~?"([^"]+)"', FILE.read_text()):
        for name in pattern.split("|"):
            assert [one for one in known if re.fullmatch(name, one)], name


class Case(NamedTuple):
    """Alerts of one service that fire together, and those among them that are silenced."""

    claim: str
    tells: tuple[Labels, ...]
    silenced: tuple[Labels, ...]


def some(name: str, **more: str) -> tuple[Labels, ...]:
    """The labels of each alert of that name, those that have these labels only; "" is without."""
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
FOLLOWS_CRITICAL = (
    *some("AvailabilityErrorBudgetBurn", severity="critical"),
    *some("LatencyErrorBudgetBurn", severity="critical"),
    *some("TrafficStopped"),
    *some("WorkerBlocked", severity="critical"),
    *some("RequestsStuck", severity="critical"),
)
FOLLOWS = (
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
        "a page about an objective silences its warnings, of whichever window",
        some("AvailabilityErrorBudgetBurn", severity="critical", **SERVICE),
        AVAILABLE,
    ),
    Case(
        "no other objective's warnings, neither of another kind nor of a route",
        (
            *some("AvailabilityErrorBudgetBurn", severity="critical", **SERVICE),
            *some("LatencyErrorBudgetBurn", severity="warning"),
            *some("AvailabilityErrorBudgetBurn", severity="warning", **CHECKOUT),
            *some("ErrorBudgetExhausted", slo="latency"),
        ),
        (),
    ),
    Case(
        "a page about a route silences that route's warnings, and not the service's",
        (
            *some("AvailabilityErrorBudgetBurn", severity="critical", **CHECKOUT),
            *some("AvailabilityErrorBudgetBurn", severity="warning", **SERVICE),
        ),
        some("AvailabilityErrorBudgetBurn", severity="warning", **CHECKOUT),
    ),
    Case(
        "a page silences no cause",
        (*some("AvailabilityErrorBudgetBurn", severity="critical"), *CAUSES),
        (),
    ),
    Case("warnings silence nothing", (*AVAILABLE, *CAUSES), ()),
    Case(
        "a service that is down silences what follows from it, and no cause",
        (*some("TargetsDown", severity="critical"), *CAUSES),
        (*FOLLOWS_CRITICAL, *FOLLOWS, *some("TargetsDown", severity="warning")),
    ),
    Case(
        "a service with objectives that has vanished does the same",
        (*some("ServiceVanished", severity="critical"), *CAUSES),
        (*FOLLOWS_CRITICAL, *FOLLOWS),
    ),
    Case(
        "a job without objectives that has vanished, a warning, silences warnings only",
        (*some("ServiceVanished", severity="warning"), *FOLLOWS_CRITICAL[:1], *CAUSES),
        FOLLOWS,
    ),
    Case(
        "some targets down silence nothing",
        (
            *some("TargetsDown", severity="warning"),
            *FOLLOWS_CRITICAL[:1],
            *some("RequestsStuck", severity="warning"),
            *CAUSES,
        ),
        (),
    ),
    Case(
        "every worker blocked silences the single ones and traffic that seems to stop",
        (
            *some("WorkerBlocked", severity="critical"),
            *some("RequestsStuck", severity="warning"),
            *CAUSES,
        ),
        (*some("WorkerBlocked", severity="warning"), *some("TrafficStopped")),
    ),
    Case(
        "every worker blocked says more than that no request ends",
        (*some("WorkerBlocked", severity="critical"), *CAUSES),
        some("RequestsStuck"),
    ),
    Case(
        "that no request ends silences single ones that hang, and no cause",
        (*some("RequestsStuck", severity="critical"), *CAUSES),
        some("RequestsStuck", severity="warning"),
    ),
    Case(
        "one worker blocked doesn't silence that traffic stopped",
        (*some("WorkerBlocked", severity="warning"), *some("TrafficStopped")),
        (),
    ),
)


class Alertmanager:
    """A real one, on a free port of this machine and without peers."""

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

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
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
            return self.ask("GET", "/-/ready")[0] == 200
        return False

    def post(self, firing: Iterable[Labels]) -> None:
        status, said = self.ask("POST", "/api/v2/alerts", [{"labels": one} for one in firing])
        assert status == 200, said

    def silenced(self) -> dict[frozenset[tuple[str, str]], bool]:
        """Each alert it has, and whether another one inhibits it."""
        status, said = self.ask("GET", "/api/v2/alerts")
        assert status == 200, said
        return {
            frozenset(one["labels"].items()): bool(one["status"]["inhibitedBy"])
            for one in json.loads(said)
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
    """The same alerts of another service or place, so that cases keep out of each other's way."""
    return {frozenset({**one, **place}.items()) for one in firing}


@pytest.mark.live
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim)
def test_inhibitions(alertmanager: Alertmanager, case: Case) -> None:
    """A real Alertmanager silences exactly these of the alerts that fire together."""
    name = f"shop-{next(NUMBER)}"
    place = {"service": name, "job": name}
    tells, silenced = moved(case.tells, place), moved(case.silenced, place)
    alertmanager.post(map(dict, tells | silenced))

    def settled() -> bool:
        found = alertmanager.silenced()
        return tells | silenced <= found.keys() and all(found[one] for one in silenced)

    eventually(settled)
    found = alertmanager.silenced()
    assert {one for one in tells if found[one]} == set()


@pytest.mark.live
@pytest.mark.parametrize(
    "elsewhere", [{"service": "cart"}, {"namespace": "staging"}, {"cluster": "b"}]
)
def test_no_inhibition_elsewhere(alertmanager: Alertmanager, elsewhere: Labels) -> None:
    """What is down silences nothing of another service, namespace or cluster."""
    home = {"service": f"shop-{next(NUMBER)}", "namespace": "prod", "cluster": "a"}
    (down,) = moved(some("TargetsDown", severity="critical")[:1], home)
    (follows,) = moved(some("TrafficStopped")[:1], home)
    (other,) = moved(some("TrafficStopped")[:1], {**home, **elsewhere})
    alertmanager.post(map(dict, (down, follows, other)))
    eventually(lambda: alertmanager.silenced().get(follows))
    assert alertmanager.silenced()[other] is False


@pytest.mark.live
def test_groups(alertmanager: Alertmanager) -> None:
    """Both windows of an objective are one group; another objective and the rest are others."""
    name = f"shop-{next(NUMBER)}"
    alertmanager.post(
        map(
            dict, moved(some("AvailabilityErrorBudgetBurn", severity="critical"), {"service": name})
        )
    )
    alertmanager.post(map(dict, moved(CAUSES[:4], {"service": name})))

    def groups() -> list[tuple[str, str, int]]:
        _, said = alertmanager.ask("GET", "/api/v2/alerts/groups")
        return sorted(
            (one["labels"].get("slo", ""), one["labels"].get("http_route", ""), len(one["alerts"]))
            for one in json.loads(said)
            if one["labels"].get("service") == name
        )

    expected = [("", "", 4), ("availability", "", 2), ("availability", "/checkout", 2)]
    eventually(lambda: groups() == expected)
