"""The live table of routes in the terminal: `sidelight top`, and a part of the demo."""
