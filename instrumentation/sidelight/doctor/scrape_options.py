"""Which histograms a Prometheus stores of a job, by its version, features and configuration.

The source is Prometheus's change log and its page on the configuration; `docs/histograms.md` has
the table.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

Kind = Literal["classic", "native", "NHCB"]
Version = tuple[int, int]

FEATURE: Final = "native-histograms"
FEATURE_FLAG: Final = f"--enable-feature={FEATURE}"
ZERO_INGESTION: Final = "created-timestamp-zero-ingestion"
CONVERSION: Final = "convert_classic_histograms_to_nhcb"
SCRAPE_NATIVE: Final = "scrape_native_histograms"
PROTOBUF: Final = "PrometheusProto"
PROTOBUF_FIRST: Final = f"scrape_protocols: [{PROTOBUF}, OpenMetricsText1.0.0, PrometheusText0.0.4]"

KEEPS_BOTH: Final = (2, 45)
"""From here on there is an option that stores classic histograms beside native ones."""
PROTOCOLS: Final = (2, 49)
"""From here on protobuf can be asked for without storing native histograms."""
SKIPS_NATIVE: Final = (2, 53)
"""From here on a native histogram that is not stored is dropped; before, the scrape fails."""
RENAMED: Final = (3, 0)
STABLE: Final = (3, 8)
"""From here on a job chooses native histograms, and one that does not reads the classic buckets."""


class PrometheusServer(NamedTuple):
    """The version of a Prometheus, and the features that its flags enable."""

    version: Version
    features: frozenset[str]

    @property
    def name(self) -> str:
        """The version as it is written."""
        return ".".join(map(str, self.version))

    @property
    def stores_conversions(self) -> bool:
        """Whether it has a place for native histograms at all."""
        return self.version >= STABLE or FEATURE in self.features

    @property
    def keep_classic(self) -> str:
        """The option that stores classic histograms beside native ones, by this version's name."""
        always = "always_" if self.version >= RENAMED else ""
        return f"{always}scrape_classic_histograms"


class ScrapeOptions(NamedTuple):
    """What `/api/v1/status/config` says of a job, where Prometheus has filled in the defaults."""

    server: PrometheusServer
    given: Mapping[str, Any]

    @property
    def asks_protobuf(self) -> bool:
        """Whether it prefers protobuf: native histograms come in no other format."""
        protocols = self.given.get("scrape_protocols")
        if self.server.version < PROTOCOLS or not protocols:
            return FEATURE in self.server.features
        return bool(protocols[0] == PROTOBUF)

    @property
    def stores_native(self) -> bool:
        """Whether the native part of a histogram is stored."""
        if self.server.version < STABLE:
            return FEATURE in self.server.features
        return self.given.get(SCRAPE_NATIVE) is True

    @property
    def keeps_classic(self) -> bool:
        """Whether classic histograms are stored beside native ones and beside conversions."""
        return self.given.get(self.server.keep_classic) is True

    @property
    def converts(self) -> bool:
        """Whether classic histograms are converted to native ones with custom buckets (NHCB)."""
        return self.given.get(CONVERSION) is True

    @property
    def is_refused(self) -> bool:
        """Whether no target of the job is scraped, because two options exclude each other."""
        return (
            self.converts
            and ZERO_INGESTION in self.server.features
            and self.server.version < STABLE
        )

    def stored(self, *, native: bool) -> frozenset[Kind]:
        """The kinds that are stored of a service whose histograms have classic buckets.

        With ``native`` they have native buckets as well, where protobuf is asked for.
        """
        version = self.server.version
        reads_native = native and self.asks_protobuf and (self.stores_native or version < STABLE)
        if self.is_refused or (reads_native and not self.stores_native and version < SKIPS_NATIVE):
            return frozenset()
        if not (reads_native or self.converts):
            return frozenset({"classic"})
        kinds: set[Kind] = {"classic"} if self.keeps_classic else set()
        if reads_native and self.stores_native:
            kinds.add("native")
        if not reads_native and self.server.stores_conversions:
            kinds.add("NHCB")
        return frozenset(kinds)

    def lines_for_both(self) -> list[str]:
        """The lines that are missing to store classic and native histograms side by side."""
        return [line for line, missing in self._needed() if missing]

    def _needed(self) -> list[tuple[str, bool]]:
        native = FEATURE_FLAG if self.server.version < STABLE else f"{SCRAPE_NATIVE}: true"
        # With native histograms the default is protobuf; without them, other lists were chosen.
        chosen = self.stores_native or self.given.get("scrape_protocols") not in DEFAULTS
        return [
            (native, not self.stores_native),
            (PROTOBUF_FIRST, not self.asks_protobuf and chosen),
            (f"{self.server.keep_classic}: true", not self.keeps_classic),
        ]


_OPENMETRICS = ["OpenMetricsText1.0.0", "OpenMetricsText0.0.1"]
DEFAULTS: Final = (
    None,
    [*_OPENMETRICS, "PrometheusText0.0.4"],
    [*_OPENMETRICS, "PrometheusText1.0.0", "PrometheusText0.0.4"],
)
"""The protocols of a job that chooses none, without native histograms: of Prometheus 2 and 3."""
