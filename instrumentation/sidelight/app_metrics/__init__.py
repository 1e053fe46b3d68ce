"""Metrics that the application keeps with prometheus_client, exported beside those of Sidelight."""
