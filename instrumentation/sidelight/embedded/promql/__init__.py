"""PromQL over samples in memory. A query gets the answer of Prometheus 3, or is refused."""
