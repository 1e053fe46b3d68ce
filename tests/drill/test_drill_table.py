"""The table of drills in the documentation."""

import re

from tests.deploy.artefacts import ROOT
from tests.drill.faults import FAULTS

ROW = re.compile(r"^\| [^|]+ \| `(\w+)` \| [^|]+ \| [^|]+ \| `(\w+)` \|", re.MULTILINE)
ELSEWHERE = [
    ("AvailabilityErrorBudgetBurn", "instance"),  # test_drill_instance.py
    ("AvailabilityErrorBudgetBurn", "version"),  # test_drill_canary.py
]


def test_the_table_has_a_row_for_each_drill() -> None:
    """Each fault is in the table, by its alert and by the kind of cause, and no other is."""
    rows = ROW.findall((ROOT / "docs" / "why.md").read_text().partition("## In drills")[2])
    assert sorted(rows) == sorted([*((one.alert, one.kind) for one in FAULTS), *ELSEWHERE])
