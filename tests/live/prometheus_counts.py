"""What a Prometheus has counted by one job, compared with what clients counted."""

from collections import Counter
from typing import NamedTuple

from tests.live.counting import DURATION_COUNT, Load, RouteStatus
from tests.live.prometheus import query, request_of

NATIVE = DURATION_COUNT.removesuffix("_count")
Values = list[tuple[float, float]]


class Counts(NamedTuple):
    """Of requests, by method, route and status; from classic histograms, or from native ones."""

    port: int
    native: bool = False

    def series(self) -> dict[RouteStatus, Values]:
        """Every count that Prometheus has had, with its time."""
        found = {}
        for row in query(self.port, f"{NATIVE if self.native else DURATION_COUNT}[30m]"):
            samples = (
                ((when, histogram["count"]) for when, histogram in row["histograms"])
                if self.native
                else row["values"]
            )
            values = [(float(when), float(count)) for when, count in samples]
            found[request_of(row["metric"])] = values
        return found

    def latest(self) -> Counter[RouteStatus]:
        """The newest count of each."""
        last = {each: int(values[-1][1]) for each, values in self.series().items()}
        return Counter({each: count for each, count in last.items() if each.route != "/pid"})

    def increase(self, values: Values, asked: RouteStatus) -> float:
        """Prometheus's own answer for exactly the time between the first value and the last."""
        first, last = values[0][0], values[-1][0]
        labels = (
            f'http_request_method="{asked.method}", http_route="{asked.route}", '
            f'http_response_status_code="{asked.status}"'
        )
        window = f"{{{labels}}}[{round((last - first) * 1000) + 1}ms] @ {last:.3f}"
        rose = (
            f"histogram_count(increase({NATIVE}{window}))"
            if self.native
            else f"increase({DURATION_COUNT}{window})"
        )
        [row] = query(self.port, f"sum({rose})")
        return float(row["value"][1])

    def check_agrees(self, first: Counter[RouteStatus], loads: list[Load]) -> None:
        """What Prometheus says it rose by is what clients counted, within 1 %."""
        clients = sum((load.answered for load in loads), Counter[RouteStatus]())
        cut = sum((load.cut for load in loads), Counter[RouteStatus]())
        total = 0.0
        for asked, values in self.series().items():
            if asked.route == "/pid":
                continue
            since = [(when, count) for when, count in values if count >= first[asked]]
            counts = [count for _, count in values]
            assert counts == sorted(counts), f"{asked} fell"
            rose = self.increase(since, asked)
            total += rose
            low, high = clients[asked], clients[asked] + cut[asked]
            assert low * 0.99 <= rose <= high * 1.01, (asked, low, rose, high)
        print(f"\nclients counted {clients.total()} (and {cut.total()} cut), it rose by {total}")  # noqa: T201 the figures, for whoever asks with -s
        assert clients.total() * 0.99 <= total <= (clients + cut).total() * 1.01
