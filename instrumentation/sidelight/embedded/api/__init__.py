"""Prometheus's HTTP API over the history, for reading.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""
