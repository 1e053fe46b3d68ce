"""`sidelight doctor` on set-ups that are wrong, one at a time."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastapi
import pytest
from click.testing import CliRunner
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from sidelight import SidelightMiddleware
from sidelight.asgi import builtin_telemetry
from sidelight.cli import main
from sidelight.doctor import machine
from sidelight.doctor.application import check_application
from sidelight.doctor.finding import Finding
from sidelight.doctor.machine import check_machine
from sidelight.doctor.scrapes import check_scrapes
from tests.asgi.driver import call
from tests.doctor.fake_prometheus import Prometheus


def wrong(findings: Iterator[Finding]) -> dict[str, str]:
    """Each problem and its fix."""
    return {found.what: found.fix for found in findings if found.level != "ok"}


def measured(**options: Any) -> FastAPI:
    app = FastAPI()
    app.add_middleware(SidelightMiddleware, **options)
    return app


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder, so that no settings of this project are read."""
    monkeypatch.chdir(tmp_path)


def test_a_good_machine_has_no_problem() -> None:
    """On this machine, without any setting, no check fails."""
    assert wrong(check_machine({})) == {}


def test_a_measured_application_has_no_problem() -> None:
    """The one line that adds the middleware is enough."""
    assert wrong(check_application(measured(phase_sample_interval=0))) == {}


def test_a_fastapi_without_phases(monkeypatch: pytest.MonkeyPatch) -> None:
    """A FastAPI that is too old, or not supported yet, is named, unless phases are turned off."""
    assert wrong(check_application(measured())) == {} or not builtin_telemetry.KNOWN
    monkeypatch.setattr(builtin_telemetry, "reports_operations", lambda: False)
    assert wrong(check_application(measured(phase_sample_interval=0))) == {}
    for known, fix in ((False, "fastapi>=0.142"), (True, "phase_sample_interval=0")):
        monkeypatch.setattr(builtin_telemetry, "KNOWN", known)
        ((what, how),) = wrong(check_application(measured())).items()
        assert what == f"FastAPI {fastapi.__version__} does not report the phases of a request"
        assert fix in how


def test_an_application_that_is_not_measured() -> None:
    """The fix is the line that is missing."""
    assert wrong(check_application(FastAPI())) == {
        "the application is not measured": "app.add_middleware(SidelightMiddleware)"
    }


def test_a_wrong_option() -> None:
    """The finding has the message of the settings."""
    (what,) = wrong(check_application(measured(slow_request_threshold=0)))
    assert "slow_request_threshold=0" in what
    assert "for example" in what


def test_a_middleware_outside_and_another_instrumentation() -> None:
    """A middleware outside of ours is named, and so is a second instrumentation."""

    class PrometheusMiddleware:
        def __init__(self, app: Any) -> None: ...

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    app = FastAPI()
    app.add_middleware(PrometheusMiddleware)
    app.add_middleware(SidelightMiddleware, phase_sample_interval=0)
    app.add_middleware(CORSMiddleware)
    found = wrong(check_application(app))
    assert len(found) == 2
    assert "call app.add_middleware(SidelightMiddleware) last" in found.values()
    assert any("PrometheusMiddleware" in fix for fix in found.values())


def test_fastapis_own_telemetry() -> None:
    """FastAPI's own metrics of the same requests are a problem, and its traces are not."""
    metrics = pytest.importorskip("opentelemetry.sdk.metrics")
    pytest.importorskip("fastapi.telemetry", reason="FastAPI before 0.142 has no telemetry")
    provider = metrics.MeterProvider()
    for wanted in (True, False):
        app = FastAPI(telemetry={"meter_provider": provider, "metrics": wanted})
        app.add_middleware(SidelightMiddleware)
        fixes = list(wrong(check_application(app)).values())
        assert fixes == (['FastAPI(telemetry={"metrics": False})'] if wanted else [])


def test_traces_and_logs_are_no_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    """FastAPI's metrics are reported where a MeterProvider receives them, and never without one."""
    pytest.importorskip("fastapi.telemetry", reason="FastAPI before 0.142 has no telemetry")
    from opentelemetry import metrics
    from opentelemetry.sdk import metrics as sdk
    from opentelemetry.sdk.trace import TracerProvider

    def sends(**given: Any) -> bool:
        telemetry: Any = {"tracer_provider": TracerProvider(), **given}
        app = FastAPI(telemetry=telemetry)
        app.add_middleware(SidelightMiddleware)
        found = wrong(check_application(app)).values()
        return 'FastAPI(telemetry={"metrics": False})' in found

    assert not sends()
    assert not sends(meter_provider=metrics.NoOpMeterProvider())
    assert sends(meter_provider=sdk.MeterProvider())
    assert not sends(auto_configure=True)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    assert sends(auto_configure=True)
    assert not sends(auto_configure=False)
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert not sends(auto_configure=True)
    assert not sends(meter_provider=sdk.MeterProvider())


def test_opentelemetrys_instrumentation_replaces_fastapis_metrics() -> None:
    """What `instrument_app` sends is reported as its own, and only with a MeterProvider."""
    instrumentation = pytest.importorskip("opentelemetry.instrumentation.fastapi")
    pytest.importorskip("fastapi.telemetry", reason="FastAPI before 0.142 has no telemetry")
    from opentelemetry.metrics import NoOpMeterProvider
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    own = "OpenTelemetry's instrumentation (instrument_app) measures the same requests"
    for replaced in (True, False):
        reader = InMemoryMetricReader()
        provider = MeterProvider([reader])
        app = FastAPI(telemetry={"meter_provider": provider})
        app.add_middleware(SidelightMiddleware)
        to = NoOpMeterProvider() if replaced else provider
        instrumentation.FastAPIInstrumentor.instrument_app(app, meter_provider=to)
        assert list(wrong(check_application(app))) == ([] if replaced else [own])
        assert call(app, path="/").status == 404
        assert (reader.get_metrics_data() is None) is replaced
        instrumentation.FastAPIInstrumentor.uninstrument_app(app)


def test_settings_of_the_environment() -> None:
    """An invalid value and an unused directory are reported."""
    assert any(
        "SIDELIGHT" in k or "slow" in k
        for k in wrong(check_machine({"SIDELIGHT_SLOW_REQUEST_THRESHOLD": "x"}))
    )
    old = {"PROMETHEUS_MULTIPROC_DIR": "/somewhere"}
    assert "unset PROMETHEUS_MULTIPROC_DIR" in wrong(check_machine(old)).values()


def test_variables_with_a_misspelt_name() -> None:
    """A variable that nothing reads is named, with the most similar one that is read."""
    near = {
        "SIDELIGHT_MAX_SERIE": "SIDELIGHT_MAX_SERIES",
        "SIDELIGHT_DIRECTORY": "SIDELIGHT_DIR",
        "SIDELIGHT_SLOWW": "SIDELIGHT_SLOW_REQUEST_THRESHOLD",
        "SIDELIGHT_SLOW_MS": "SIDELIGHT_SLOW_REQUEST_THRESHOLD",
        "SIDELIGHT_DISABLE": "SIDELIGHT_DISABLED",
        "SIDELIGHT_CONFIG_FILE": "SIDELIGHT_CONFIG",
        "SIDELIGHT_VIEWER_TOKEN": "SIDELIGHT_VIEWER_TOKEN_FILE",
    }
    expected = {
        f"{name} has no effect: no setting has that name": f"rename it to {right}"
        for name, right in near.items()
    }
    unlike = {
        "SIDELIGHT_QQQ has no effect: no setting has that name": (
            "docs/settings.md lists the names"
        )
    }
    environ = dict.fromkeys([*near, "SIDELIGHT_QQQ"], "1")
    assert wrong(check_machine(environ, OF_COMMANDS)) == expected | unlike


OF_COMMANDS = ("SIDELIGHT_VIEWER_TOKEN_FILE", "SIDELIGHT_LISTEN")


def test_the_command_knows_the_variables_of_all_commands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Variables of commands, and those that Kubernetes sets for a Service, are no mistakes."""
    options = [option for command in main.commands.values() for option in command.params]
    names = {str(one.envvar) for one in options if one.envvar} - {"SIDELIGHT_DIR"}
    assert len(names) > 15
    of_kubernetes = {
        "SIDELIGHT_SERVICE_HOST",
        "SIDELIGHT_SERVICE_PORT_METRICS",
        "SIDELIGHT_PORT",
        "SIDELIGHT_PORT_9464_TCP_ADDR",
        "SIDELIGHT_VIEWER_SERVICE_HOST",
    }
    for name in names | of_kubernetes | {"OTHER"}:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("SIDELIGHT_DISABLED", "0")
    monkeypatch.setenv("SIDELIGHT_LISTE", "1")
    output = CliRunner().invoke(main, ["doctor"]).output
    assert [line for line in output.splitlines() if line.startswith(("warn", "fail"))] == [
        "warn  SIDELIGHT_LISTE has no effect: no setting has that name"
    ]


@pytest.mark.parametrize("value", ["1", "true", "Yes"])
def test_a_service_that_is_turned_off(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`SIDELIGHT_DISABLED` fails, and no other finding says that requests are measured."""
    monkeypatch.setenv("SIDELIGHT_DISABLED", value)
    assert wrong(check_machine({"SIDELIGHT_DISABLED": value})) == {
        f"SIDELIGHT_DISABLED={value}: nothing is measured": "unset SIDELIGHT_DISABLED"
    }
    assert list(check_application(measured())) == []


def test_a_value_that_turns_nothing_off() -> None:
    """A value of `SIDELIGHT_DISABLED` that means neither yes nor no is named."""
    assert wrong(check_machine({"SIDELIGHT_DISABLED": "y"})) == {
        "SIDELIGHT_DISABLED='y' has no effect": "SIDELIGHT_DISABLED=1, or unset it"
    }
    for value in ("", "0", "False", "no", "off"):
        assert wrong(check_machine({"SIDELIGHT_DISABLED": value})) == {}


def test_names_of_routes_that_do_not_exist() -> None:
    """A setting that names no route of the application is reported, with the nearest route."""
    app = FastAPI()

    @app.get("/orders/{order_id}")
    def order(order_id: int) -> None: ...

    app.add_middleware(
        SidelightMiddleware,
        slow_request_threshold={"GET /orders/{id}": 0.3, "GET /orders/{order_id}": 1, "*": 2},
        first_byte=["POST /wholly/elsewhere"],
        exclude=["/favicon.ico", "/orders/{order_id}"],
        phase_sample_interval=0,
    )
    assert wrong(check_application(app)) == {
        "slow_request_threshold names 'GET /orders/{id}', which is no route of the application": (
            "write 'GET /orders/{order_id}', as the route is declared"
        ),
        "first_byte names 'POST /wholly/elsewhere', which is no route of the application": (
            "write 'METHOD /template', as the route is declared"
        ),
        "exclude names '/orders/{order_id}', and a path is compared as it is, without parameters": (
            "exclude '/orders/*'"
        ),
    }
    right: dict[str, Any] = {
        "slow_request_threshold": {"GET /orders/{order_id}": 1},
        "phase_sample_interval": 0,
    }
    app.user_middleware.clear()
    assert wrong(check_application(SidelightMiddleware(CORSMiddleware(app), **right))) == {}


def test_an_objective_of_a_route_that_does_not_exist(tmp_path: Path) -> None:
    """The route of an objective is reported if the application does not have it."""
    app = FastAPI()

    @app.post("/pay")
    def pay() -> None: ...

    app.add_middleware(SidelightMiddleware, phase_sample_interval=0)
    lines = '[[slo.route]]\nmatch = "POST /{}"\navailability = "99.9%"\n'
    what = "slo.route.match names 'POST /payments', which is no route of the application"
    for name, found in (("payments", [what]), ("pay", [])):
        (tmp_path / "sidelight.toml").write_text(lines.format(name))
        assert list(wrong(check_application(app))) == found


def test_directories(tmp_path: Path) -> None:
    """A file, a link, a directory open to everyone, and one that can't be created are reported."""
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    for name, word in {
        "file": "not a directory",
        "link": "not a directory",
        "open": "everyone",
        "no/such": "can't be created",
    }.items():
        found = wrong(check_machine({"SIDELIGHT_DIR": str(tmp_path / name)}))
        assert any(word in what for what in found), (name, found)
    assert not (tmp_path / "no").exists()


def test_the_default_directory_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A default directory that the group or others can read is reported, and a private one not."""
    monkeypatch.setattr(machine, "memory_folder", lambda: tmp_path)
    where = tmp_path / f"sidelight-{os.getuid()}"
    where.mkdir()
    for mode, is_open in ((0o700, False), (0o750, True), (0o770, True), (0o701, True)):
        where.chmod(mode)
        found = wrong(check_machine({}))
        assert (f"{where} is open to other users" in found) == is_open


def test_what_prometheus_scrapes(prometheus: str) -> None:
    """One target per service is right; two of the same workers, none, or no answer are not."""
    one = {"metric": {"service_name": "shop"}, "value": [0, "2"]}
    Prometheus.found = {"build": [one], "target": []}
    assert wrong(check_scrapes(prometheus)) == {}
    Prometheus.found = {"build": [one], "target": [one]}
    (what,) = wrong(check_scrapes(prometheus))
    assert "shop is scraped by 2 targets" in what
    Prometheus.found = {"build": [], "target": []}
    assert any("scrapes no" in what for what in wrong(check_scrapes(prometheus)))
    assert any("doesn't answer" in what for what in wrong(check_scrapes("http://127.0.0.1:1")))


def test_rules_of_one_job_that_are_loaded_twice(
    prometheus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that the default rules record beside its own is named, with how to leave it out."""
    shop, bank = ({"metric": {"job": job}, "value": [0, "1"]} for job in ("shop", "bank"))
    monkeypatch.setattr(Prometheus, "found", {"build": [shop], "own": [shop], "all": [shop, bank]})
    groups = [rule_group("sidelight-shop-requests", '{job="shop"}')]
    groups += [rule_group("sidelight-requests", "")]
    monkeypatch.setattr(Prometheus, "groups", groups)
    assert wrong(check_scrapes(prometheus)) == {
        "the job 'shop' has rules of sidelight-shop-requests and of sidelight-requests: its "
        "series are recorded twice, so its alerts are wrong": (
            "sidelight rules build --all-jobs --except shop"
        )
    }
    monkeypatch.setattr(Prometheus, "groups", groups[1:])
    assert wrong(check_scrapes(prometheus)) == {}


def rule_group(name: str, matchers: str) -> dict[str, Any]:
    """A group of rules, as Prometheus lists it."""
    other = {"name": "route:http_server_requests:rate5m", "query": "sum by (job)"}
    query = f"sum by (job) (route:http_server_requests:rate5m{matchers})"
    rule = {"name": "service:http_server_requests:rate5m", "query": query}
    return {"name": name, "rules": [other, rule]}


def test_rules_of_another_job(prometheus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules without a job and a job without rules are named, but not a job that others record."""
    bank = {"metric": {"job": "bank"}, "value": [0, "1"]}
    monkeypatch.setattr(Prometheus, "found", {"build": [bank], "all": []})
    groups = [rule_group("sidelight-shop-requests", '{job="shop"}')]
    groups += [rule_group("sidelight-requests", '{job!~"bank"}')]
    monkeypatch.setattr(Prometheus, "groups", groups)
    no_job = (
        'the rules of sidelight-shop-requests select {job="shop"}, which no target that answers '
        "has: their alerts are about nothing"
    )
    no_rules = (
        "the job 'bank' has no rules: none of its alerts can fire, and dashboards lack what rules "
        "record"
    )
    found = wrong(check_scrapes(prometheus))
    assert list(found) == [no_job, no_rules]
    assert found[no_rules].startswith('service = "bank" in sidelight.toml, sidelight rules build')
    monkeypatch.setattr(Prometheus, "found", {"build": [bank], "recorded": [bank]})
    assert list(wrong(check_scrapes(prometheus))) == [no_job]


def test_a_target_at_the_wrong_port(prometheus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is scraped, each target that is down is named, with what Prometheus says."""
    up = {"scrapeUrl": "http://127.0.0.1:9090/metrics", "scrapePool": "prometheus"}
    down = {"scrapeUrl": "http://127.0.0.1:9465/metrics", "scrapePool": "shop"}
    targets = [{**up, "health": "up", "lastError": ""}]
    targets += [{**down, "health": "down", "lastError": "connection refused"}]
    monkeypatch.setattr(Prometheus, "found", {"build": []})
    monkeypatch.setattr(Prometheus, "targets", targets)
    assert list(wrong(check_scrapes(prometheus))) == [
        f"Prometheus at {prometheus} scrapes no /metrics of Sidelight",
        "the target http://127.0.0.1:9465/metrics of the job 'shop' is down: connection refused",
    ]


def test_a_prometheus_that_refuses(prometheus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What refuses is told from what does not answer, and the fix can be typed as it is."""
    for status, word, fix in (
        (401, "401 Unauthorized: the checks have no login", "give an address"),
        (404, "404 Not Found: it is no Prometheus", f"curl {prometheus}/-/ready"),
    ):
        monkeypatch.setattr(Prometheus, "status", status)
        ((what, how),) = wrong(check_scrapes(prometheus)).items()
        assert what == f"{prometheus} answers {word}"
        assert how.startswith(fix)
    assert list(wrong(check_scrapes("http://127.0.0.1:1/")).values()) == [
        "curl http://127.0.0.1:1/-/ready"
    ]


def test_a_port_that_is_no_prometheus() -> None:
    """A server of another protocol is reported as one that does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            with server.accept()[0] as client:
                client.recv(1 << 16)
                client.sendall(b"220 mail.example ESMTP\r\n")

        other = threading.Thread(target=greet)
        other.start()
        (what,) = wrong(check_scrapes(f"http://127.0.0.1:{server.getsockname()[1]}"))
        other.join()
    assert "doesn't answer: 220 mail.example" in what


def test_the_command(tmp_path: Path) -> None:
    """The command prints each fix, and its exit status says whether a check failed."""
    (tmp_path / "good.py").write_text(
        "from fastapi import FastAPI\nfrom sidelight import SidelightMiddleware\n"
        "app = FastAPI()\napp.add_middleware(SidelightMiddleware)\nbare = FastAPI()\n"
    )
    run = CliRunner().invoke
    good = run(main, ["doctor", "good:app"])
    assert (good.exit_code, "fail" in good.output) == (0, False)
    bare = run(main, ["doctor", "good:bare"])
    assert bare.exit_code == 1
    assert "fix: app.add_middleware(SidelightMiddleware)" in bare.output
    nowhere = "start in the folder of nowhere, or set PYTHONPATH to it"
    for name, word in {"good": "MODULE:ATTRIBUTE", "nowhere:app": nowhere}.items():
        failed = run(main, ["doctor", name])
        assert failed.exit_code == 1
        assert word in failed.output
