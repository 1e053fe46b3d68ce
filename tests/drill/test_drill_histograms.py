"""The drill of errors and latency with each way in which Prometheus stores histograms."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

import pytest

from tests.drill.errors_then_latency import drilled
from tests.drill.stack import AGAIN, SETTINGS, Stack
from tests.live.newer import newer
from tests.live.prometheus import prometheus
from tests.marks import slow_live

pytestmark = slow_live(1200)

HISTOGRAM = "http_server_request_duration_seconds"


class NativeOnly(Stack):
    """A Prometheus 3 that stores the native histograms alone."""

    text = f"native_histograms = true\n{SETTINGS}"
    options: ClassVar[str] = ""
    stored: ClassVar = {HISTOGRAM}

    def _store(self) -> AbstractContextManager[int]:
        native, resend = "--enable-feature=native-histograms", f"--rules.alert.resend-delay={AGAIN}"
        return prometheus(self._config(), self.where, native, resend, program=newer("prometheus"))

    def _config(self) -> str:
        job = "  - job_name: shop\n"
        return super()._config().replace(job, f"{job}{self.options}")


class Both(NativeOnly):
    """It stores the classic ones too."""

    options = "    always_scrape_classic_histograms: true\n"
    stored: ClassVar = {HISTOGRAM, f"{HISTOGRAM}_bucket"}


class Converted(NativeOnly):
    """It converts the classic ones to native ones with custom buckets, and has no others."""

    text = SETTINGS
    options = "    convert_classic_histograms_to_nhcb: true\n"


@pytest.mark.parametrize("kind", [NativeOnly, Both, Converted])
def test_errors_then_latency(kind: type[NativeOnly], tmp_path: Path) -> None:
    """Errors, then latency, on a route page once and resolve, and `sidelight why` explains both."""
    with drilled(tmp_path, kind) as found:
        names = found.query(f'group by (__name__) ({{__name__=~"{HISTOGRAM}(_bucket)?"}})')
        assert {one["metric"]["__name__"] for one in names} == kind.stored
