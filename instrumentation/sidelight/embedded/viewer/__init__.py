"""The viewer: the dashboards in a browser, without Grafana, served by a process of its own.

Only `server`, `view`, `elements` and the modules of the pages depend on NiceGUI.
"""
