"""What several sections of this dashboard say alike."""

from typing import Final

from dashboards.promql import JOB
from dashboards.promql import recorded as of
from sidelight.slo import names

KNOWN: Final = f"and on (job) last_over_time({of(names.SERVICE)}[1d])"
FIRING: Final = f'ALERTS{{{JOB},alertstate="firing",severity=~"critical|warning"}}'
