"""Sidelight beside its peers, in one run: ``python -m benchmarks``."""

import os

# OpenTelemetry's instrumentation reads this once, at its first use: it must come before.
os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
