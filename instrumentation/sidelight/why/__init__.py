"""What is wrong with a service now, from the metrics and alerts of a Prometheus or a sidecar."""
