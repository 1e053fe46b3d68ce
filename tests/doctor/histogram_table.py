"""What arrives of a histogram, and what `sidelight doctor` says, by version, features and options.

Each row is what real Prometheuses do with real services: `tests/live/test_live_histograms.py`.
"""

from collections.abc import Iterator
from typing import NamedTuple

OPTIONS = {
    "always": "always_scrape_classic_histograms: true",
    "nhcb": "convert_classic_histograms_to_nhcb: true",
    "protobuf": "scrape_protocols: [PrometheusProto, OpenMetricsText1.0.0]",
    "text": "scrape_protocols: [PrometheusText0.0.4]",
}
FEATURES = {"native": "native-histograms", "zero": "created-timestamp-zero-ingestion"}
SAYS = {
    "ok": "ok    the job {job!r} has {kinds} histograms",
    "vanish": "warn  the job {job!r} asks for protobuf, and Prometheus stores no native",
    "vanished": "fail  the job {job!r} asks for protobuf, and Prometheus drops its native",
    "converted": "warn  the histograms of the job {job!r} are converted to native ones (NHCB)",
    "dropped": "fail  Prometheus converts the histograms of the job {job!r} to native ones",
    "native only": "warn  the job {job!r} has native histograms only",
    "never both": "warn  Prometheus 2.42 stores native histograms of the job {job!r} without",
    "refused": "fail  Prometheus refuses the targets of the job {job!r}",
}
"""How each finding begins."""

# Columns: the features and the options; then, of a service with classic buckets, what arrives and
# what doctor says; then the same of a service with native buckets as well.
TABLES = {
    "2.42": """
-           | -                    | classic      | ok         | classic          | ok
native      | -                    | classic      | never both | native           | never both
""",
    "3.5": """
-           | -                    | classic      | ok         | classic          | ok
-           | always               | classic      | ok         | classic          | ok
-           | text                 | classic      | ok         | classic          | ok
-           | protobuf             | classic      | vanish     | nothing          | vanished
-           | protobuf always      | classic      | ok         | classic          | ok
-           | nhcb                 | nothing      | dropped    | nothing          | dropped
-           | nhcb always          | classic      | ok         | classic          | ok
-           | nhcb protobuf        | nothing      | dropped    | nothing          | dropped
-           | nhcb protobuf always | classic      | ok         | classic          | ok
native      | -                    | classic      | ok         | native           | native only
native      | always               | classic      | ok         | classic native   | ok
native      | text                 | classic      | ok         | classic          | ok
native      | protobuf             | classic      | ok         | native           | native only
native      | protobuf always      | classic      | ok         | classic native   | ok
native      | nhcb                 | NHCB         | converted  | native           | native only
native      | nhcb always          | NHCB classic | ok         | classic native   | ok
native      | nhcb text            | NHCB         | converted  | NHCB             | converted
native      | nhcb text always     | NHCB classic | ok         | NHCB classic     | ok
zero        | -                    | classic      | vanish     | nothing          | vanished
zero        | always               | classic      | ok         | classic          | ok
zero        | text                 | classic      | ok         | classic          | ok
zero        | text always          | classic      | ok         | classic          | ok
zero        | nhcb                 | nothing      | refused    | nothing          | refused
zero        | nhcb always          | nothing      | refused    | nothing          | refused
zero        | nhcb text            | nothing      | refused    | nothing          | refused
zero native | -                    | classic      | ok         | native           | native only
zero native | always               | classic      | ok         | classic native   | ok
zero native | text                 | classic      | ok         | classic          | ok
zero native | nhcb                 | nothing      | refused    | nothing          | refused
zero native | nhcb always          | nothing      | refused    | nothing          | refused
""",
}


class Job(NamedTuple):
    """One row of a table, for a service without native buckets or with them."""

    features: tuple[str, ...]
    options: tuple[str, ...]
    native: bool
    kinds: tuple[str, ...]
    says: str

    @property
    def name(self) -> str:
        """As `job_name`."""
        return " ".join((*self.options, "of native" if self.native else "of classic"))

    @property
    def begins(self) -> str:
        """How the finding begins."""
        return SAYS[self.says].format(job=self.name, kinds=" and ".join(self.kinds))


def jobs(version: str) -> Iterator[Job]:
    """All jobs of a version, two for each row."""
    for line in TABLES[version].strip().splitlines():
        features, options, *cells = (_words(cell) for cell in line.split("|"))
        for native in (False, True):
            kinds, says = cells[2 * native : 2 * native + 2]
            yield Job(features, options, native, kinds, " ".join(says))


def _words(cell: str) -> tuple[str, ...]:
    return tuple(word for word in cell.split() if word not in {"-", "nothing"})
