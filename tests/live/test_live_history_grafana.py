"""Requests of Grafana's Prometheus data source; and a sidecar without history."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.conftest import Serve
from tests.live.prometheus_api import get, post
from tests.live.servers import eventually
from tests.live.sidecars import Sidecar, fetch, run

pytestmark = pytest.mark.live

TOKEN = "a-long-random-word"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def guarded(store: Path, tmp_path: Path, uvicorn: Serve) -> Iterator[Sidecar]:
    """A sidecar with a token beside a service with some requests."""
    server = uvicorn(1, SIDELIGHT_DIR=str(store)).ready()
    for path in ("/items", "/items/7", "/boom"):
        server.get(path)
    file = tmp_path / "token"
    file.write_text(TOKEN)
    options = "--token-file", str(file), "--history-step", "1s", "--job", "shop"
    with Sidecar(store, tmp_path, *options, token=TOKEN) as sidecar:
        eventually(lambda: _there(sidecar))
        yield sidecar


def _there(sidecar: Sidecar) -> bool:
    query = ("query", 'http_server_request_duration_seconds_count{http_route="/boom"}')
    return bool(post(sidecar.port, "query", query, **BEARER).data["result"])


def test_requests_of_grafana_are_answered(guarded: Sidecar) -> None:
    """Grafana's health check, variables, panels, exemplars and version detection are answered."""
    port, now = guarded.port, int(time.time())
    span = ("start", str(now - 3600)), ("end", str(now + 60))
    health = post(port, "query", ("query", "1+1"), ("time", str(now)), **BEARER)
    assert health.data == {"resultType": "scalar", "result": [now, "2"]}
    routes = get(
        port,
        "label/http_route/values",
        ("match[]", 'http_server_request_duration_seconds_count{job=~"shop"}'),
        *span,
        **BEARER,
    )
    assert {"/items", "/items/{item_id}", "/boom"} <= set(routes.data)
    assert get(port, "label/job/values", *span, **BEARER).data == ["shop"]
    found = post(port, "series", ("match[]", 'up{job="shop"}'), *span, **BEARER)
    instance = f"127.0.0.1:{port}"
    assert found.data == [{"__name__": "up", "instance": instance, "job": "shop"}]
    assert "le" in post(port, "labels", *span, **BEARER).data
    assert get(port, "label/__name__/values", ("limit", "3"), **BEARER).data == [
        "anyio_threadpool_capacity",
        "anyio_threadpool_in_use",
        "anyio_threadpool_waiting",
    ]
    assert "up" not in get(port, "metadata", ("limit", "5"), **BEARER).data
    assert get(port, "status/buildinfo", **BEARER).data["version"]
    assert get(port, "rules", **BEARER).data["groups"]
    assert get(port, "query_exemplars", ("query", "up"), *span, **BEARER).data == []


def test_a_panel_s_form_is_answered(guarded: Sidecar) -> None:
    """query_range as a form with a step in seconds gives aligned points and values as strings."""
    now = int(time.time())
    end = now - now % 5 + 10
    query = 'sum by(http_route) (http_server_request_duration_seconds_count{http_route="/boom"})'
    form = ("start", str(end - 600)), ("end", str(end)), ("step", "5")
    answer = post(guarded.port, "query_range", ("query", query), *form, **BEARER)
    (row,) = answer.data["result"]
    assert answer.data["resultType"] == "matrix"
    assert row["metric"] == {"http_route": "/boom"}
    times = [when for when, _ in row["values"]]
    assert times == list(range(times[0], end + 1, 5))
    assert {value for _, value in row["values"]} == {"1"}


def test_the_api_needs_the_token(guarded: Sidecar) -> None:
    """Requests without the token or with another host name are refused."""
    for path in ("query?query=up", "rules", "label/job/values", "status/buildinfo"):
        assert fetch(guarded, f"/api/v1/{path}").status == 401
        assert fetch(guarded, f"/api/v1/{path}", BEARER).status == 200
        foreign = {**BEARER, "Host": "evil.example"}
        assert fetch(guarded, f"/api/v1/{path}", foreign).status == 421


def test_series_end_and_continue_with_a_restart(
    store: Path, tmp_path: Path, uvicorn: Serve
) -> None:
    """Without a worker its gauges end; counters and the target stay."""
    service = uvicorn(1, SIDELIGHT_DIR=str(store)).ready()
    with Sidecar(store, tmp_path, "--history-step", "1s", "--job", "shop") as sidecar:

        def count(query: str) -> int:
            return len(get(sidecar.port, "query", ("query", query)).data["result"])

        eventually(lambda: count("anyio_threadpool_capacity"))
        service.stop()
        eventually(lambda: not count("anyio_threadpool_capacity"))
        assert count("up == 1") == 1
        assert count("http_server_request_duration_seconds_count")
        uvicorn(1, SIDELIGHT_DIR=str(store)).ready()
        eventually(lambda: count("anyio_threadpool_capacity"))


def test_a_store_that_cannot_be_read_is_down(store: Path, tmp_path: Path) -> None:
    """If the store can't be read, up is 0, other series end, and those about the scrape stay."""
    with Sidecar(store, tmp_path, "--history-step", "1s", "--job", "shop") as sidecar:

        def names() -> set[str]:
            rows = get(sidecar.port, "query", ("query", '{__name__=~".+"}')).data["result"]
            return {row["metric"]["__name__"] for row in rows}

        eventually(lambda: "sidelight_workers" in names())
        store.rename(tmp_path / "away")
        store.mkdir()
        store.chmod(0o777)
        eventually(lambda: get(sidecar.port, "query", ("query", "up == 0")).data["result"])
        scraped = {name for name in names() if ":" not in name and name.islower()}
        assert scraped == {
            "up",
            "scrape_duration_seconds",
            "scrape_samples_scraped",
            "scrape_samples_post_metric_relabeling",
            "scrape_series_added",
        }
        store.rmdir()
        eventually(lambda: get(sidecar.port, "query", ("query", "up == 1")).data["result"])


class SidecarWithoutExtra(Sidecar):
    """A sidecar where the extra is not installed."""

    module = "without_extra"


def test_a_sidecar_without_the_extra(store: Path, tmp_path: Path) -> None:
    """Without the extra the page is served, and the API's error tells what to install."""
    with SidecarWithoutExtra(store, tmp_path) as sidecar:
        assert sidecar.get("/metrics")[0] == 200
        assert "sidelight_history" not in sidecar.get("/metrics")[1]
        for path in ("query", "rules", "label/job/values"):
            answer = get(sidecar.port, path)
            assert (answer.status, answer.body["errorType"]) == (501, "unavailable")
            assert "pip install 'sidelight[history]'" in answer.body["error"]


def test_a_history_that_is_turned_off(store: Path, tmp_path: Path) -> None:
    """With --history 0 nothing is stored, and the API's error tells so."""
    with Sidecar(store, tmp_path, "--history", "0") as sidecar:
        answer = post(sidecar.port, "query", ("query", "up"))
        assert answer.status == 501
        assert "--history 0" in answer.body["error"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--history", "soon"), "history='soon': must be a duration; for example --history 1h"),
        (("--history", "5s"), "history='5s': must be 0, or 1m to 24h"),
        (("--history", "30d"), "history='30d': must be 0, or 1m to 24h"),
        (("--history-step", "0"), "history_step='0': must be 1s to 60s"),
        (("--history-step", "2h"), "history_step='2h': must be 1s to 60s"),
        (("--history-memory", "1MiB"), "history_memory='1MiB': must be at least 8MiB"),
        (("--history-memory", "64MB"), "history_memory='64MB': must be a size"),
        (("--job", " "), "job=' ': must not be empty"),
        (("--rules", "none.yml"), "rules='none.yml': can't be read"),
    ],
)
def test_wrong_settings_are_refused(store: Path, options: tuple[str, ...], said: str) -> None:
    """An invalid option is refused with its name, its value and an example."""
    ended = run("--directory", str(store), "--listen", "127.0.0.1:0", *options)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "; for example " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_objectives_of_the_working_directory_are_evaluated(store: Path, tmp_path: Path) -> None:
    """The rules are those of the objectives in sidelight.toml, and its service is the job."""
    (tmp_path / "sidelight.toml").write_text(
        'service = "checkout"\n[slo]\navailability = "99.9%"\nlatency = "99% < 300ms"\n'
    )
    with Sidecar(store, tmp_path, "--history-step", "1s") as sidecar:
        eventually(lambda: get(sidecar.port, "query", ("query", "up")).data["result"])
        (row,) = get(sidecar.port, "query", ("query", "up")).data["result"]
        assert row["metric"]["job"] == "checkout"
        groups = get(sidecar.port, "rules").data["groups"]
        names = {rule["name"] for group in groups for rule in group["rules"]}
        assert {"LatencyErrorBudgetBurn", "WorkerBlocked"} <= names
        assert {group["name"].partition("-")[2] for group in groups} == {
            "checkout-requests",
            "checkout-budget",
            "checkout-burn-rate",
            "checkout-health",
        }


def test_settings_come_from_the_environment_too(store: Path, tmp_path: Path) -> None:
    """Each option of the history has an environment variable."""
    env = {
        "SIDELIGHT_HISTORY": "10m",
        "SIDELIGHT_HISTORY_STEP": "2s",
        "SIDELIGHT_HISTORY_MEMORY": "16MiB",
        "SIDELIGHT_JOB": "named",
        "SIDELIGHT_INSTANCE": "here",
    }
    with Sidecar(store, tmp_path, **env) as sidecar:
        eventually(lambda: get(sidecar.port, "query", ("query", "up")).data["result"])
        (row,) = get(sidecar.port, "query", ("query", "up")).data["result"]
        assert row["metric"] == {"__name__": "up", "job": "named", "instance": "here"}
