"""Checks of a set-up. Each problem comes with the line that fixes it. Nothing is changed."""
