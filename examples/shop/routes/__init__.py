"""The shop's routers, one module each."""
