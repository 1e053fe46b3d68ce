"""The service's rules, evaluated over the history as Prometheus would."""
