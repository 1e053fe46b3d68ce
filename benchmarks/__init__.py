"""Sidelight compared with its peers, in one run: ``python -m benchmarks``."""

import os

# OpenTelemetry's instrumentation reads this variable once, when it is first used.
os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
