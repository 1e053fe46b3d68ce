"""The settings of the sidecar's history."""

import subprocess
import sys
from typing import Any, cast

import pytest

from sidelight.embedded.settings import HistoryOptions, HistorySettings, ServiceRules, check
from sidelight.errors import SettingsError

OWN = ServiceRules([], {"job": "shop"})


def options(**given: Any) -> HistoryOptions:
    """Return the options of a command line with only these given."""
    plain: dict[str, Any] = {"history": None, "history_step": "5s", "history_memory": "64MiB"}
    return cast("HistoryOptions", {**plain, "job": None, "instance": None, "rules": (), **given})


def unasked() -> ServiceRules:
    raise SettingsError("objectives", 2, "must be below 1", "0.999")


def test_defaults() -> None:
    """The defaults are an hour, every five seconds, and the service's rules and labels."""
    expected = HistorySettings(3600.0, 5.0, 64 << 20, None, None, (), OWN)
    assert check(lambda: OWN, **options()) == expected


def test_options_are_read() -> None:
    """Durations have Prometheus's units, and a size is in bytes or has a unit."""
    given = options(history="1h30m", history_step="2s500ms", history_memory="16777216", job="api")
    expected = HistorySettings(5400.0, 2.5, 16 << 20, "api", None, (), OWN)
    assert check(lambda: OWN, **given) == expected


@pytest.mark.parametrize(("given", "seconds"), [("1m", 60.0), ("24h", 86_400.0)])
def test_the_limits_of_the_span_are_allowed(given: str, seconds: float) -> None:
    """The shortest and the longest span that the message names are accepted."""
    found = check(lambda: OWN, **options(history=given))
    assert found is not None
    assert found.keep == seconds


def test_without_history_the_objectives_are_not_read() -> None:
    """Invalid objectives do not prevent a sidecar without history from starting."""
    assert check(unasked, **options(history="0")) is None
    with pytest.raises(SettingsError, match="objectives=2"):
        check(unasked, **options())


def test_without_history_nothing_is_imported() -> None:
    """Without history the extra's modules are not imported; with --rules no rules are made."""
    code = f"""
import sys
from sidelight.cli.servers import service
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
        ("history", "2w", "must be 0, or 1m to 24h; for example --history 1h"),
        ("history", "1.5h", "must be a duration; for example --history 1h"),
        ("history_step", "500ms", "must be 1s to 60s; for example --history-step 5s"),
        ("history_step", "61s", "must be 1s to 60s; for example --history-step 5s"),
        ("history_step", "soon", "must be a duration; for example --history-step 5s"),
        ("history_memory", "64 MB", "must be a size; for example --history-memory 64MiB"),
        ("history_memory", "1MiB", "must be at least 8MiB; for example --history-memory 64MiB"),
        ("job", " ", "must not be empty; for example --job shop"),
        ("instance", "", "must not be empty; for example --instance shop"),
    ],
)
def test_invalid_options_are_refused(key: str, given: str, said: str) -> None:
    """The message has the option, its value, the problem and an example."""
    with pytest.raises(SettingsError) as caught:
        check(lambda: OWN, **options(**{key: given}))
    assert str(caught.value) == f"{key}={given!r}: {said}"
