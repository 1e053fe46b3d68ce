"""The demo is tested with the newest versions only, since it requires the viewer's extra."""

from importlib.util import find_spec

if any(find_spec(name) is None for name in ("nicegui", "numpy")):
    collect_ignore_glob = ["test_*.py"]
