"""What the sidecar's history is started with."""

import subprocess
import sys
from typing import Any, cast

import pytest

from sidelight.embedded.settings import HistoryOptions, HistorySettings, ServiceRules, check
from sidelight.errors import SettingsError

OWN = ServiceRules([], {"job": "shop"})


def options(**given: Any) -> HistoryOptions:
    """As the command line has them where only these were given."""
    plain: dict[str, Any] = {"history": None, "history_step": "5s", "history_memory": "64MiB"}
    return cast("HistoryOptions", {**plain, "job": None, "instance": None, "rules": (), **given})


def unasked() -> ServiceRules:
    raise SettingsError("objectives", 2, "must be below 1", "0.999")


def test_an_hour_every_five_seconds_where_nothing_is_given() -> None:
    """With the extra there is history, and the service is asked for its rules and its labels."""
    expected = HistorySettings(3600.0, 5.0, 64 << 20, None, None, (), OWN)
    assert check(lambda: OWN, **options()) == expected


def test_what_is_given_is_taken() -> None:
    """Durations as Prometheus writes them, a size in bytes or with its unit."""
    given = options(history="90m", history_step="2s500ms", history_memory="16777216", job="api")
    expected = HistorySettings(5400.0, 2.5, 16 << 20, "api", None, (), OWN)
    assert check(lambda: OWN, **given) == expected


def test_a_sidecar_without_history_reads_nothing_of_the_service() -> None:
    """Objectives that are wrong don't keep it from serving what it is for."""
    assert check(unasked, **options(history="0")) is None
    with pytest.raises(SettingsError, match="objectives=2"):
        check(unasked, **options())


def test_a_sidecar_without_history_imports_nothing_for_it() -> None:
    """Numbers are not loaded where none are remembered; nor are rules made beside those given."""
    code = f"""
import sys
from sidelight.cli.sidecar import service
from sidelight.embedded.settings import check
assert check(lambda: service(ruled=True), **{options(history="0")!r}) is None
assert service(ruled=False).groups == []
print({{"numpy", "re2", "promql_parser", "yaml"}} & sys.modules.keys())
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"


@pytest.mark.parametrize(
    ("key", "given", "said"),
    [
        ("history", "1", "must be a duration; for example --history 1h"),
        ("history", "59s", "must be 0, or 1m to 24h; for example --history 1h"),
        ("history", "25h", "must be 0, or 1m to 24h; for example --history 1h"),
        ("history_step", "500ms", "must be 1s to 60s; for example --history-step 5s"),
        ("history_step", "61s", "must be 1s to 60s; for example --history-step 5s"),
        ("history_step", "soon", "must be a duration; for example --history-step 5s"),
        ("history_memory", "64 MB", "must be a size; for example --history-memory 64MiB"),
        ("history_memory", "1MiB", "must be at least 8MiB; for example --history-memory 64MiB"),
        ("job", " ", "must not be empty; for example --job shop"),
        ("instance", "", "must not be empty; for example --instance shop"),
    ],
)
def test_what_is_wrong_is_refused_with_what_works(key: str, given: str, said: str) -> None:
    """The message has the option, what was given, and an example."""
    with pytest.raises(SettingsError) as caught:
        check(lambda: OWN, **options(**{key: given}))
    assert str(caught.value) == f"{key}={given!r}: {said}"
