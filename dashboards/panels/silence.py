"""What panels say where there is nothing to show, or not what was chosen."""

from typing import Final

NO_RULES: Final = "No traffic, or rules not loaded: see Telemetry health"
ONLY_SIDELIGHT: Final = "Not reported. Needs Sidelight: see Telemetry health"
NOTHING_WATCHED: Final = "Nothing watched: name pools, executors and clients with watch()"
NONE_SO_FAR: Final = "None so far"
ALL_INSTANCES: Final = "All instances of the service, whichever are chosen above."
"""Recorded series of routes and services have no instance."""
