"""The panel of the dashboard Service that says what is wrong now."""

from sidelight.embedded.viewer.variables import ALL, PageState
from sidelight.embedded.viewer.why_panel import content, job_of
from sidelight.why.report import Cause, Report, Sentence


def test_the_sentences_are_rows_in_their_order() -> None:
    """The first row has the color of the state, and each row its query."""
    said = (Sentence("GET /search fails.", "topk(5, x)"), Sentence("It is new."))
    report = Report("critical", 0.0, "1 h before", ["shop"], [Cause("errors", {}, said)])
    found = content(report)
    assert found["rows"] == [
        [[0, "shop: critical; no alert fires.", "#d1413a", ""], ["", "", "", ""]],
        [[1, "GET /search fails.", "", ""], ["topk(5, x)", "topk(5, x)", "", ""]],
        [[2, "It is new.", "", ""], ["", "", "", ""]],
    ]
    assert found["sort"] == {"column": 0, "descending": False}


def test_one_selected_job_is_asked_about() -> None:
    """All jobs, or several, are asked about together."""
    assert job_of(PageState({"job": ("shop",)}, "now-1h", "now")) == "shop"
    assert job_of(PageState({"job": (ALL,)}, "now-1h", "now")) == ""
    assert job_of(PageState({"job": ("a", "b")}, "now-1h", "now")) == ""
