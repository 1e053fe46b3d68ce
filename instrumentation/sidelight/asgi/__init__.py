"""On the request path, in the worker."""
