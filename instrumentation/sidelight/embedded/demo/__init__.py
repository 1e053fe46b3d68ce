"""The demo: an example service under a scripted load, with its sidecar and the viewer."""
