"""What several sections of this dashboard say alike."""

from typing import Final

from dashboards.promql import DURATION

COUNT: Final = f"{DURATION}_count"
