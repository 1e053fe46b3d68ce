"""The shop's routers."""
