"""What several sections of this dashboard say alike."""

from typing import Final

from dashboards.panels.queries import Query

WHOLE: Final = 'http_route=""'


def band(each: str, *, recorded: bool = False) -> list[Query]:
    """A spread over instances, instead of a line for each."""
    return [
        Query(f"max({each})", "highest", recorded),
        Query(f"quantile(0.5, {each})", "median", recorded),
        Query(f"min({each})", "lowest", recorded),
    ]
