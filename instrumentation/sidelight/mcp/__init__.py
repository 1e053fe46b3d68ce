"""A server of the Model Context Protocol, whose tools read a sidecar or a Prometheus."""
