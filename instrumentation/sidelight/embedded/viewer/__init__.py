"""The dashboards in a browser, without Grafana: a process of its own that asks and draws.

What is drawn is worked out in plain Python: only `pages`, `elements` and `server` know NiceGUI.
"""
