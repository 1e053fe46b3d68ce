"""The part of Prometheus's HTTP API that reads: queries, metadata, rules and alerts.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""
