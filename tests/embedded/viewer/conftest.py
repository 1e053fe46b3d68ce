"""The viewer is tested with the newest versions only."""

from importlib.util import find_spec

if find_spec("nicegui") is None or find_spec("playwright") is None:
    collect_ignore_glob = ["test_*.py"]
