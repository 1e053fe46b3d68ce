"""The table of the servers that watched HTTP clients call: of a service, or of a route."""

from typing import Final

from dashboards.colours import BAD
from dashboards.histograms import counted, mean
from dashboards.panels import NOTHING_WATCHED, PanelBuilder
from dashboards.queries import in_top, ratio, total
from dashboards.tables import Column, Key, coloured_column, table
from sidelight.contract import PORT, SERVER
from sidelight.slo.calls import FAILED

CLIENT: Final = "http_client_request_duration_seconds"
UPSTREAM: Final = (SERVER, PORT)


def upstreams(title: str, description: str, *matchers: str) -> PanelBuilder:
    """The 20 servers with the most requests."""
    calls = total(counted(CLIENT, *matchers), *UPSTREAM)
    failed = total(counted(CLIENT, *matchers, FAILED), *UPSTREAM)
    top = in_top(calls, 20, *UPSTREAM)
    return table(
        title,
        f"{description}; the 20 with the most requests. Errors are exceptions and 5xx responses.",
        [Key(SERVER, "Server"), Key(PORT, "Port")],
        Column(f"topk(20, {calls})", "Requests/s", "reqps"),
        Column(f"{mean(CLIENT, *UPSTREAM, where=matchers)} {top}", "Mean time", "s"),
        coloured_column(
            f"{ratio(f'({failed} or 0 * {calls})', calls)} {top}",
            "Errors",
            "percentunit",
            (0.01, BAD),
        ),
        sort="Requests/s",
        empty=NOTHING_WATCHED,
    )
