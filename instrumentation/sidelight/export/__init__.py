"""A snapshot of the store, and its wire formats."""
