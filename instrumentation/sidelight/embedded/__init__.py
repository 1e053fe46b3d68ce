"""The embedded default: history, PromQL, query API, rules, viewer and demo on one machine.

Nothing outside this package imports it, except the command line and the sidecar, when a command
that needs it runs.
"""
