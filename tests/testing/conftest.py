"""The fixture under test, whether or not this pytest has found the plugin by itself."""

from sidelight.testing import sidelight_metrics

__all__ = ["sidelight_metrics"]
