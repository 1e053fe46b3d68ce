"""The service's metrics, as they are at a moment and as they grow between two."""

from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]


class Scrape:
    """The service's page at a moment."""

    def __init__(self, text: str) -> None:
        self.samples: dict[tuple[str, Labels], float] = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        wanted = frozenset(labels.items())
        found = self.samples.items()
        return sum(value for (own, has), value in found if own == name and wanted <= has)


class Between(NamedTuple):
    """What happened between two scrapes."""

    before: Scrape
    after: Scrape

    def grew(self, name: str, **labels: str) -> float:
        return self.after.value(name, **labels) - self.before.value(name, **labels)

    def mean(self, name: str, **labels: str) -> float:
        count = self.grew(f"{name}_count", **labels)
        return self.grew(f"{name}_sum", **labels) / count if count else 0.0
