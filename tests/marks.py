"""Marks that several files of tests share."""

import pytest


def slow_live(seconds: float, group: str = "") -> list[pytest.MarkDecorator]:
    """Tests of real servers, which `make test-all` runs once, since no old library breaks them.

    Each may take so many seconds; those of a group run in one process, and share its fixtures.
    """
    marks = [pytest.mark.live, pytest.mark.slow, pytest.mark.newest, pytest.mark.timeout(seconds)]
    return [*marks, pytest.mark.xdist_group(group)] if group else marks
