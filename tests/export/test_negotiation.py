"""The format and the content coding that a client asks for."""

import time

import pytest
from starlette.datastructures import Headers

from sidelight.export.negotiation import accepts_gzip, wanted_format
from sidelight.text_format import Escaping, ExpositionFormat
from tests.export.accept_headers import PROTOBUF

OPENMETRICS = "application/openmetrics-text"


def headers(name: str, *values: str) -> Headers:
    """The headers of a request with these lines of one name."""
    return Headers(raw=[(name.encode(), value.encode("latin-1")) for value in values])


def prefers_openmetrics(*accept: str) -> bool:
    return wanted_format(headers("accept", *accept)).form is ExpositionFormat.OPENMETRICS


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (f'{OPENMETRICS}; version="1.0.0"', True),
        (f'{OPENMETRICS};version="1\\.0.0"', True),
        (f'{OPENMETRICS} ; version = "0.0.1" ; q = "0.8"', True),
        (f'{OPENMETRICS}; version="9.0.0"', False),
        (f'{OPENMETRICS}; version="1.0.0', True),
        (f'{OPENMETRICS}; note="a,b;version=9;q=0"; version=1.0.0', True),
        (f'text/plain; note=", {OPENMETRICS};q=1"', False),
        (f'{OPENMETRICS}; version="1.0.0"; q=0.5, text/plain; version="0.0.4"; q=0.6', False),
        (f'{OPENMETRICS}; version="1.0.0"; q=0.6, text/plain; version="0.0.4"; q=0.5', True),
    ],
)
def test_a_parameter_may_be_quoted(accept: str, expected: bool) -> None:  # noqa: FBT001 the case under test
    """A quoted value means the same without its quotes, and separates nothing."""
    assert prefers_openmetrics(accept) is expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/*", True),
        ("application/*, text/plain", False),
        ("application/*;q=0.9, text/*;q=0.5", True),
        (f"{OPENMETRICS};q=0.5, */*", False),
        (f"{OPENMETRICS};q=0.5, text/plain;q=0.2, */*", True),
        ("text/plain;q=0.2, */*;q=0.8", True),
        ("text/*;q=0.9, text/plain;q=0.1, */*;q=0.5", True),
        (f"{OPENMETRICS};q=0, */*;q=0.1", False),
        (f"{OPENMETRICS};q=0.4, {OPENMETRICS};version=1.0.0;q=0.9, text/plain;q=0.6", True),
        (f"{OPENMETRICS};q=0.9, {OPENMETRICS};version=1.0.0;q=0.4, text/plain;q=0.6", False),
    ],
)
def test_the_most_specific_range_counts(accept: str, expected: bool) -> None:  # noqa: FBT001 the case under test
    """The quality of a format is that of the narrowest range that includes it."""
    assert prefers_openmetrics(accept) is expected


@pytest.mark.parametrize(
    ("accept", "form", "escaping"),
    [
        (PROTOBUF, "PROTOBUF", None),
        (f"text/plain;q=0.9,{OPENMETRICS};q=0.9,{PROTOBUF}", "PROTOBUF", None),
        (PROTOBUF.replace("delimited", '"Delimited" ; q="0.5"').upper(), "PROTOBUF", None),
        (f"{PROTOBUF};q=0.1,{PROTOBUF};q=0.9,text/plain;q=0.5", "PROTOBUF", None),
        (f"{PROTOBUF};escaping=values,{OPENMETRICS};escaping=dots;q=0.5", "PROTOBUF", "values"),
        (f"{OPENMETRICS};escaping=dots;q=0.5,{PROTOBUF};escaping=unknown", "PROTOBUF", "dots"),
        (f"{PROTOBUF},text/plain", "TEXT", None),
        (f"{PROTOBUF},{OPENMETRICS}", "OPENMETRICS", None),
        (f"{PROTOBUF};q=0.3,text/plain;q=0.5", "TEXT", None),
        (f"{PROTOBUF};q=0", "TEXT", None),
        (f"{PROTOBUF};q=much,{OPENMETRICS};q=0.1", "OPENMETRICS", None),
        (PROTOBUF.replace("delimited", "text"), "TEXT", None),
        (PROTOBUF.replace("delimited", "compact-text"), "TEXT", None),
        (PROTOBUF.replace("MetricFamily", "Sample"), "TEXT", None),
        (f"{PROTOBUF.replace(';encoding', ';x')},{OPENMETRICS};q=0.1", "OPENMETRICS", None),
        ("application/vnd.google.protobuf", "TEXT", None),
        ("application/x-protobuf;proto=io.prometheus.client.MetricFamily", "TEXT", None),
        ("*/*", "TEXT", None),
        ("application/*", "OPENMETRICS", None),
    ],
)
def test_protobuf_is_for_those_who_name_it(accept: str, form: str, escaping: str | None) -> None:
    """It is sent to a client that prefers it, with both parameters; any other gets a text."""
    wanted = wanted_format(headers("accept", accept))
    assert wanted == (ExpositionFormat[form], escaping and Escaping(escaping))
    assert wanted.content_type.startswith(ExpositionFormat[form].value)


@pytest.mark.parametrize("quality", ["nan", "inf", "-1", "2", "1e400", "", "x"])
def test_a_quality_that_is_none(quality: str) -> None:
    """A quality that is not a number from 0 to 1 counts as 0."""
    assert not prefers_openmetrics(f"{OPENMETRICS};q={quality}, text/plain;q=0.001")


def test_a_header_in_several_lines() -> None:
    """The lines of a header are one list."""
    assert prefers_openmetrics("text/plain;q=0.5", OPENMETRICS)
    assert accepts_gzip(headers("accept-encoding", "br", "gzip"))
    assert not accepts_gzip(headers("accept-encoding", "*", "gzip;q=0"))


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [("x-gzip", True), ("X-GZIP;q=0", False), ('gzip;q="0.5"', True), ("gzip;q=nan", False)],
)
def test_names_of_gzip(accepted: str, expected: bool) -> None:  # noqa: FBT001 the case under test
    """`x-gzip` is another name of gzip, and a quality that is none refuses it."""
    assert accepts_gzip(headers("accept-encoding", accepted)) is expected


@pytest.mark.parametrize("piece", ['"\\"', '"', ",", ";q", '";,', "\\"])
def test_a_long_header_takes_no_long_time(piece: str) -> None:
    """The time grows with the length of a header, and not with its square."""
    began = time.process_time()
    assert not prefers_openmetrics(piece * 20_000)
    assert time.process_time() - began < 1
