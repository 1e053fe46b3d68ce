"""Settings: where they come from, and what a wrong one is told."""

import math
from pathlib import Path
from typing import Any

import pytest

from sidelight.contract import DURATION_BUCKETS
from sidelight.errors import SettingsError
from sidelight.settings import Settings, disabled, load

# Key, a value that can't be used, and a word of what is wrong with it.
BAD: list[tuple[str, Any, str]] = [
    ("first_byte", "GET /x", "list of routes"),
    ("first_byte", ["/x"], "METHOD"),
    ("first_byte", [5], "METHOD"),
    ("first_byte", {"/x": 1}, "METHOD"),
    ("first_byte", {"GET /x": 0}, "above 0"),
    ("first_byte", {"GET /x": "soon"}, "seconds"),
    ("slow_request_threshold", 0, "above 0"),
    ("slow_request_threshold", -1, "above 0"),
    ("slow_request_threshold", "fast", "seconds"),
    ("slow_request_threshold", True, "seconds"),
    ("slow_request_threshold", None, "seconds"),
    ("slow_request_threshold", math.nan, "above 0"),
    ("slow_request_threshold", math.inf, "above 0"),
    ("slow_request_threshold", [1.0], "seconds"),
    ("slow_request_threshold", {"GET /x": 0}, "above 0"),
    ("slow_request_threshold", {"GET /x": None}, "seconds"),
    ("slow_request_threshold", {"/x": 1}, "METHOD"),
    ("slow_request_threshold", {"get /x": 1}, "METHOD /template', did you mean 'GET /x'?"),
    ("first_byte", ["Get  /x"], "METHOD /template', did you mean 'GET /x'?"),
    ("slow_request_threshold", {"GET": 1}, "METHOD"),
    ("slow_request_threshold", {"GET x": 1}, "METHOD"),
    ("slow_request_threshold", {5: 1}, "METHOD"),
    ("buckets", [], "list"),
    ("buckets", "0.1,0.2", "list"),
    ("buckets", 5, "list"),
    ("buckets", None, "list"),
    ("buckets", [1, 0.5], "rise"),
    ("buckets", [0.5, 0.5], "rise"),
    ("buckets", [0, 1], "above 0"),
    ("buckets", [1, math.inf], "above 0"),
    ("buckets", ["x"], "seconds"),
    ("buckets", [n / 10 for n in range(1, 100)], "60"),
    ("log_request_path", "yes", "true or false"),
    ("log_request_path", 1, "true or false"),
    ("created_series", "yes", "true or false"),
    ("native_histograms", 1, "true or false"),
    ("log_request_path", None, "true or false"),
    ("exclude", "/health", "list"),
    ("exclude", ["health"], "/"),
    ("exclude", ["/a*b"], "/*"),
    ("exclude", ["/health*"], "/*"),
    ("exclude", [5], "/"),
    ("exclude", 5, "list"),
    ("path_templates", "/a/{b}", "list"),
    ("path_templates", ["a/{b}"], "/"),
    ("path_templates", ["/a/{b"], "{name}"),
    ("path_templates", ["/a/{b:odd}"], "{name}"),
    ("path_templates", ["/a/*"], "{name}"),
    ("path_templates", [f"/{n}" for n in range(1001)], "more than 1000"),
    ("metrics_path", "metrics", "path"),
    ("metrics_path", "/", "path"),
    ("metrics_path", "", "path"),
    ("metrics_path", 5, "path"),
    ("metrics_token", "", "empty"),
    ("metrics_token", "  ", "empty"),
    ("metrics_token", 5, "text"),
    ("max_series", 99, "100"),
    ("max_series", 100_001, "100000"),
    ("max_series", "many", "whole number"),
    ("max_series", True, "whole number"),
    ("max_series", None, "whole number"),
    ("max_series", 100.5, "whole number"),
    ("max_series", math.nan, "whole number"),
    ("max_series", math.inf, "whole number"),
    ("phase_sample_interval", -1, "0"),
    ("phase_sample_interval", 1_000_001, "1000000"),
    ("phase_sample_interval", "some", "whole number"),
    ("phase_sample_interval", True, "whole number"),
    ("phase_sample_interval", 0.5, "whole number"),
    ("phase_sample_interval", None, "whole number"),
    ("directory", "relative/path", "absolute"),
    ("directory", "", "absolute"),
    ("directory", 5, "absolute"),
    ("service", "", "empty"),
    ("service", 5, "text"),
    ("service_version", " ", "empty"),
    ("service_version", 2.1, 'service_version="2.1.0"'),
    ("queue_header", "", "name of a header"),
    ("queue_header", "x request start", "name of a header"),
    ("queue_header", "x-request-start:", "name of a header"),
    ("queue_header", True, "name of a header"),
    ("queue_header", b"x-request-start", "name of a header"),
    ("slo", 1, "unknown option"),
    ("Slow", 1, "unknown option, did you mean slow_request_threshold?"),
    ("sloww", 1, "unknown option, did you mean slow_request_threshold?"),
    ("max_serie", 200, "unknown option, did you mean max_series?"),
    ("Metrics-Path", "/m", "unknown option, did you mean metrics_path?"),
    ("nonsense", 1, "unknown option (known: buckets, "),
]


def failure(options: Any, environ: Any = None, folder: Path | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(options, environ or {}, folder)
    return str(caught.value)


def test_wrong_options(empty_folder: Path) -> None:
    """The message names the key, what was given, what is wrong, and an example."""
    for key, given, wrong in BAD:
        message = failure({key: given})
        assert message.startswith(f"{key}="), (key, given)
        if not isinstance(given, dict | list):
            assert repr(given) in message
        assert wrong in message
        assert "for example " in message


def test_the_examples_work(empty_folder: Path) -> None:
    """The example of a message can be used as it is written."""
    for key, given, _wrong in BAD:
        example = failure({key: given}).rpartition("for example ")[2]
        for one in example.split(" or "):
            name, _, value = one.partition("=")
            options = eval(f"{{{name!r}: {value}}}")  # noqa: S307 our own message
            assert isinstance(load(options, {}), Settings), (key, given)


def test_an_unknown_option_hears_of_the_known(empty_folder: Path) -> None:
    """Who misspells an option is shown all there are."""
    message = failure({"metric_path": "/m"})
    for known in (
        "metrics_path",
        "slow_request_threshold",
        "buckets",
        "exclude",
        "max_series",
        "directory",
    ):
        assert known in message


def test_defaults(empty_folder: Path) -> None:
    """Without any setting, the defaults are those of the contract."""
    found = load({}, {})
    assert found.slow_request_threshold == {"*": 1.0}
    assert found.buckets == DURATION_BUCKETS
    assert found.metrics_path == "/metrics"
    assert (found.log_request_path, found.exclude, found.max_series) == (False, (), 4000)
    assert (found.metrics_token, found.directory, found.service) == (None, None, None)


ENVIRONMENT: list[tuple[str, str, str, Any]] = [
    ("SIDELIGHT_SLOW_REQUEST_THRESHOLD", "0.5", "slow_request_threshold", {"*": 0.5}),
    (
        "SIDELIGHT_SLOW_REQUEST_THRESHOLD",
        "POST /a=0.3,*=2",
        "slow_request_threshold",
        {"POST /a": 0.3, "*": 2.0},
    ),
    (
        "SIDELIGHT_SLOW_REQUEST_THRESHOLD",
        " POST /a=0.3 , GET /b=1 ",
        "slow_request_threshold",
        {"POST /a": 0.3, "GET /b": 1.0, "*": 1.0},
    ),
    ("SIDELIGHT_FIRST_BYTE", "GET /a, POST /b", "first_byte", ("GET /a", "POST /b")),
    (
        "SIDELIGHT_FIRST_BYTE",
        "GET /a=0.3, POST /b",
        "slow_request_threshold",
        {"GET /a": 0.3, "*": 1.0},
    ),
    ("SIDELIGHT_BUCKETS", "0.5,2", "buckets", (0.5, 1.0, 2.0)),
    ("SIDELIGHT_LOG_REQUEST_PATH", "1", "log_request_path", True),
    ("SIDELIGHT_LOG_REQUEST_PATH", "False", "log_request_path", False),
    ("SIDELIGHT_CREATED_SERIES", "1", "created_series", True),
    ("SIDELIGHT_NATIVE_HISTOGRAMS", "true", "native_histograms", True),
    ("SIDELIGHT_EXCLUDE", "/a,/b/*", "exclude", ("/a", "/b/*")),
    ("SIDELIGHT_PATH_TEMPLATES", "/a/{b},/c/{d:path}", "path_templates", ("/a/{b}", "/c/{d:path}")),
    ("SIDELIGHT_METRICS_PATH", "/m", "metrics_path", "/m"),
    ("SIDELIGHT_METRICS_PATH", "none", "metrics_path", None),
    ("SIDELIGHT_METRICS_PATH", "", "metrics_path", None),
    ("SIDELIGHT_METRICS_TOKEN", "t", "metrics_token", "t"),
    ("SIDELIGHT_MAX_SERIES", "100", "max_series", 100),
    ("SIDELIGHT_PHASE_SAMPLE_INTERVAL", "0", "phase_sample_interval", 0),
    ("SIDELIGHT_DIR", "/run/x", "directory", "/run/x"),
    ("SIDELIGHT_SERVICE", "shop", "service", "shop"),
    ("SIDELIGHT_SERVICE_VERSION", "2.1.0", "service_version", "2.1.0"),
    ("SIDELIGHT_QUEUE_HEADER", "X-Request-Start", "queue_header", "x-request-start"),
]


def test_a_threshold_of_the_first_byte(empty_folder: Path) -> None:
    """It is the route's own, a boundary, and no other may be named beside it."""
    found = load({"first_byte": {"GET /a": 0.3}, "slow_request_threshold": {"GET /b": 2}}, {})
    assert found.first_byte == ("GET /a",)
    assert found.slow_request_threshold == {"GET /a": 0.3, "GET /b": 2.0, "*": 1.0}
    assert 0.3 in found.buckets
    both = {"first_byte": {"GET /a": 0.3}, "slow_request_threshold": {"GET /a": 2}}
    message = failure(both)
    assert message.startswith("first_byte={'GET /a': 0.3}: has a threshold in slow_request")
    assert message.endswith("for example first_byte=['GET /a']")
    load({**both, "first_byte": ["GET /a"]}, {})


def test_the_environment(empty_folder: Path) -> None:
    """Each setting can be given by the environment."""
    for name, text, key, value in ENVIRONMENT:
        assert getattr(load({}, {name: text}), key) == value, (name, text)


WRONG_ENVIRONMENT = [
    ("SIDELIGHT_SLOW_REQUEST_THRESHOLD", "soon", "slow_request_threshold"),
    ("SIDELIGHT_SLOW_REQUEST_THRESHOLD", "0", "slow_request_threshold"),
    ("SIDELIGHT_SLOW_REQUEST_THRESHOLD", "", "slow_request_threshold"),
    ("SIDELIGHT_SLOW_REQUEST_THRESHOLD", "GET /a=0.3,oops", "slow_request_threshold"),
    ("SIDELIGHT_SLOW_REQUEST_THRESHOLD", "GET /a=", "slow_request_threshold"),
    ("SIDELIGHT_BUCKETS", "2,1", "buckets"),
    ("SIDELIGHT_BUCKETS", "", "buckets"),
    ("SIDELIGHT_BUCKETS", "1;2", "buckets"),
    ("SIDELIGHT_LOG_REQUEST_PATH", "maybe", "log_request_path"),
    ("SIDELIGHT_EXCLUDE", "health", "exclude"),
    ("SIDELIGHT_METRICS_PATH", "m", "metrics_path"),
    ("SIDELIGHT_MAX_SERIES", "1e6", "max_series"),
    ("SIDELIGHT_MAX_SERIES", "", "max_series"),
    ("SIDELIGHT_DIR", "relative", "directory"),
    ("SIDELIGHT_SERVICE", " ", "service"),
    ("SIDELIGHT_SERVICE_VERSION", "", "service_version"),
    ("SIDELIGHT_QUEUE_HEADER", "", "queue_header"),
]


def test_a_wrong_environment(empty_folder: Path) -> None:
    """A wrong variable gets the same message, with its key and what was given."""
    for name, text, key in WRONG_ENVIRONMENT:
        message = failure({}, {name: text})
        assert message.startswith(f"{key}="), (name, text)
        assert "for example " in message


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("name", "head"), [("sidelight.toml", ""), ("pyproject.toml", "[tool.sidelight]\n")]
)
def test_a_file(name: str, head: str, empty_folder: Path) -> None:
    """The working directory's own file is read."""
    write(
        empty_folder,
        name,
        f'{head}service = "shop"\nslow_request_threshold = {{"GET /x" = 0.25}}\n',
    )
    found = load({}, {})
    assert (found.service, found.slow_request_threshold) == ("shop", {"GET /x": 0.25, "*": 1.0})
    assert 0.25 in found.buckets


def test_a_pyproject_without_ours(empty_folder: Path) -> None:
    """A pyproject.toml that says nothing of ours is no setting."""
    write(empty_folder, "pyproject.toml", '[project]\nname = "x"\n[tool.other]\na = 1\n')
    assert load({}, {}).service is None


def test_a_parents_file_is_not_read(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of a directory above has no say."""
    write(empty_folder, "sidelight.toml", 'service = "above"\n')
    below = empty_folder / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    assert load({}, {}).service is None


def test_a_variable_names_the_file(empty_folder: Path) -> None:
    """`SIDELIGHT_CONFIG` is read wherever the process starts, and the folder's own file is not."""
    write(empty_folder, "sidelight.toml", 'service = "here"\n')
    (there := empty_folder / "there").mkdir()
    write(there, "of-shop.toml", 'service = "there"\n[slo]\nlatency = "99% < 70ms"\n')
    write(there, "pyproject.toml", '[tool.sidelight]\nservice = "project"\n')
    found = load({}, {"SIDELIGHT_CONFIG": str(there / "of-shop.toml")})
    assert (found.service, str(found.file)) == ("there", str(there / "of-shop.toml"))
    assert 0.07 in found.buckets
    assert load({}, {"SIDELIGHT_CONFIG": "there/pyproject.toml"}).service == "project"
    for wrong in ("none.toml", "", "there"):
        message = failure({}, {"SIDELIGHT_CONFIG": wrong})
        assert message.startswith(f"SIDELIGHT_CONFIG={wrong!r}: is no file; for example SIDE")


def test_the_file_that_was_read(empty_folder: Path) -> None:
    """The settings say which file they are from, or where there is none."""
    assert str(load({}, {}).file) == (
        f"none ({empty_folder} has no sidelight.toml, and no [tool.sidelight] in pyproject.toml)"
    )
    write(empty_folder, "pyproject.toml", "[tool.sidelight]\nmax_series = 100\n")
    assert str(load({}, {}).file) == str(empty_folder / "pyproject.toml")
    write(empty_folder, "sidelight.toml", "max_series = 200\n")
    assert str(load({}, {}).file) == str(empty_folder / "sidelight.toml")


VALUES = "slow_request_threshold=0: ", "nonsense=1: "
WRONG_FILES = [
    ("sidelight.toml", "slow_request_threshold = ["),
    ("sidelight.toml", "slow_request_threshold = 0"),
    ("sidelight.toml", "nonsense = 1"),
    ("sidelight.toml", "service = \xff"),
    ("pyproject.toml", "[tool"),
    ("pyproject.toml", "tool = 5"),
    ("pyproject.toml", "[tool]\nsidelight = 5"),
    ("pyproject.toml", "[tool]\nsidelight = [1]"),
]


def test_a_wrong_file(empty_folder: Path) -> None:
    """The message names the file that can't be read, or the value that can't be used."""
    for name, text in WRONG_FILES:
        path = empty_folder / name
        path.write_bytes(text.encode("latin-1"))
        message = failure({})
        assert message.startswith((f"file='{path}': ", *VALUES)), message
        assert "for example " in message
        path.unlink()


def test_the_nearest_source_wins(empty_folder: Path) -> None:
    """Arguments win over the environment, and that over the file."""
    write(
        empty_folder, "sidelight.toml", 'service = "file"\nmax_series = 100\nmetrics_path = "/f"\n'
    )
    environ = {"SIDELIGHT_SERVICE": "environment", "SIDELIGHT_MAX_SERIES": "200"}
    found = load({"service": "argument"}, environ)
    assert (found.service, found.max_series, found.metrics_path) == ("argument", 200, "/f")


def test_thresholds_are_boundaries(empty_folder: Path) -> None:
    """Every threshold becomes a boundary, once, in order."""
    found = load(
        {"slow_request_threshold": {"GET /a": 0.3, "GET /b": 0.5}, "buckets": [0.1, 0.5]}, {}
    )
    assert found.buckets == (0.1, 0.3, 0.5, 1.0)


def test_a_token_is_not_told(empty_folder: Path) -> None:
    """A token that can't be used is not written into a message."""
    assert "s3cret" not in failure({"metrics_token": b"s3cret"})


def test_an_unknown_key_of_a_file(empty_folder: Path) -> None:
    """The nearest key may be one that only files have."""
    (empty_folder / "sidelight.toml").write_text('[slos]\navailability = "99%"\n')
    message = failure({})
    assert "unknown option, did you mean slo? (known: buckets, " in message
    assert f" in {empty_folder / 'sidelight.toml'}; for example" in message


def test_settings_are_frozen(empty_folder: Path) -> None:
    """Settings don't change after they were checked."""
    found = load({}, {})
    with pytest.raises(AttributeError):
        found.service = "other"  # type: ignore[misc] # frozen


def test_disabled() -> None:
    """The switch that turns everything off."""
    for value in ("1", "true", "Yes", "on"):
        assert disabled({"SIDELIGHT_DISABLED": value}) is True
    for value in ("0", ""):
        assert disabled({"SIDELIGHT_DISABLED": value}) is False
    assert disabled({}) is False
