"""What several sections of this dashboard say alike."""

from dashboards.panels.queries import Query

WHOLE = 'http_route=""'
ALL_INSTANCES = "All instances of the service, whichever are chosen above."


def band(each: str) -> list[Query]:
    """A spread over instances, instead of a line for each."""
    return [
        Query(f"max({each})", "highest"),
        Query(f"quantile(0.5, {each})", "median"),
        Query(f"min({each})", "lowest"),
    ]
