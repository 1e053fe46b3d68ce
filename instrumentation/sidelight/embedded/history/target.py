"""Whose samples these are: the labels that a scrape adds."""

from dataclasses import dataclass

NAMELESS = "sidelight"
"""The job where nobody has named the service."""


@dataclass(frozen=True, slots=True)
class Target:
    """``job``, ``instance``, and ``more`` that a service's selector asks for."""

    job: str
    instance: str
    more: tuple[tuple[str, str], ...] = ()

    @property
    def labels(self) -> dict[str, str]:
        """As labels."""
        return {**dict(self.more), "job": self.job, "instance": self.instance}
