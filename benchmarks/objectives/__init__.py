"""Error budgets and burn alerts, ours and the peers', on the same simulated months.

``python -m benchmarks.objectives`` needs no package but the standard library.
"""
