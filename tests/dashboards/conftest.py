"""The dashboards are made and tested with the tools of the newest set-up only."""

from importlib.util import find_spec

if find_spec("grafana_foundation_sdk") is None or find_spec("promql_parser") is None:
    collect_ignore_glob = ["test_*.py"]
