"""Beside the requests, in the worker."""
