"""The shared-memory store: the only package that knows its files and their bytes."""
