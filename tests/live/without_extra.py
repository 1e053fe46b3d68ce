"""Runs ``sidelight`` as if the extra ``history`` were not installed."""

import sys

from sidelight.cli import main

sys.modules["numpy"] = None  # type: ignore[assignment] # an import of it fails
main()
