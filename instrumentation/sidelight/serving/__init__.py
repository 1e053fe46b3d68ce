"""How the sidecar and the viewer are reached: where they listen, who may ask, and their end."""
