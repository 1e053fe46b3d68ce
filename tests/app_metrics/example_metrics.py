"""Metrics that an application keeps with prometheus_client, one of each kind."""

from typing import Any

import pytest

client = pytest.importorskip("prometheus_client")


def fill(registry: Any) -> None:
    """Make and use them."""
    orders = client.Counter("orders", "Orders.", ["shop"], registry=registry)
    orders.labels("a").inc(3)
    orders.labels('b"\\\n').inc(0.5)
    client.Counter("plain", "Without labels.", registry=registry).inc()
    client.Gauge("stock", "Stock.", ["item"], registry=registry).labels("x").set(-1.5)
    client.Gauge("endless", "Infinity.", registry=registry).set(float("inf"))
    sizes = client.Histogram(
        "size_bytes", "Sizes.", ["kind"], unit="bytes", buckets=(1, 2.5), registry=registry
    )
    for value in (0.5, 2, 9):
        sizes.labels("k").observe(value)
    client.Summary("wait_seconds", "Waits.", unit="seconds", registry=registry).observe(2)
    client.Info("shop", "The shop.", registry=registry).info({"name": "x", "city": "y"})
    state = client.Enum("shop_state", "Its state.", states=["open", "closed"], registry=registry)
    state.state("closed")
