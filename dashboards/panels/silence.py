"""What panels say where there is nothing to show."""

from typing import Final

NO_TRAFFIC: Final = "No traffic"
NO_RULES: Final = "No traffic, or rules not loaded: see Telemetry health"
ONLY_SIDELIGHT: Final = "Not reported. Needs Sidelight: see Telemetry health"
NOTHING_WATCHED: Final = "Nothing watched: name pools, executors and clients with watch()"
NONE_SO_FAR: Final = "None so far"
