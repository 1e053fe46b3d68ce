"""Paths that are not measured, below a ``root_path``."""

from pathlib import Path

from sidelight.asgi.exclusions import Exclusions
from sidelight.settings import load


def test_paths_stay_excluded_when_the_application_has_its_own_metrics(tmp_path: Path) -> None:
    """Without the path of the metrics, the other paths are covered below a known root again."""
    options = {"exclude": ["/healthz", "/internal/*"]}
    exclusions = Exclusions(load(options, {}, tmp_path))
    assert exclusions.excludes("/api/metrics", "/api")
    assert exclusions.cover("/api/healthz")
    exclusions.leave_metrics_path()
    assert not exclusions.excludes("/api/metrics", "/api")
    assert exclusions.excludes("/api/healthz", "/api")
    paths = ("/api/healthz", "/api/internal/x", "/healthz", "/api/metrics", "/metrics")
    assert [exclusions.cover(path) for path in paths] == [True, True, True, False, False]
