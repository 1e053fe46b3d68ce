"""OpenTelemetry: names, data points, and the exporter over OTLP."""
