"""How the sidecar and the viewer serve HTTP: their address, access control and shutdown."""
