"""The evaluation of recording rules and alerts over the history, as in Prometheus."""
