"""Prometheus's query language over samples in memory: as Prometheus 3 answers, or refused."""
