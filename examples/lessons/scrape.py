"""The service's metrics at one time, and their increases between two."""

from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]


class LessonScrape:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self.samples: dict[tuple[str, Labels], float] = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples with these labels."""
        wanted = frozenset(labels.items())
        found = self.samples.items()
        return sum(value for (n, has), value in found if n == name and wanted <= has)


class ScrapeDelta(NamedTuple):
    """Two scrapes."""

    before: LessonScrape
    after: LessonScrape

    def increase(self, name: str, **labels: str) -> float:
        """The increase of a counter."""
        return self.after.value(name, **labels) - self.before.value(name, **labels)

    def mean(self, name: str, **labels: str) -> float:
        """The mean of the observations of a histogram."""
        count = self.increase(f"{name}_count", **labels)
        return self.increase(f"{name}_sum", **labels) / count if count else 0.0
