"""The native way and the Python way make the same of every conversation."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sidelight.extension import PURE, extension
from tests.asgi.conversations import converse

pytestmark = pytest.mark.skipif(extension is None, reason="there is nothing to compare")

STATUS = st.sampled_from([200, 201, 204, 404, 422, 500, 503])
SIZE = st.sampled_from([0, 1, 1000, 1001, 70_000])
STEP = st.one_of(
    st.tuples(st.just("route"), st.integers(0, 1)),
    st.tuples(st.just("mount"), st.sampled_from(["/mounted", "/other"])),
    st.tuples(st.just("start"), STATUS),
    st.tuples(st.just("body"), SIZE),
    st.tuples(st.just("more"), SIZE),
    st.tuples(st.just("mutable"), SIZE),
    st.tuples(st.just("trailing_start"), STATUS),
    st.tuples(st.sampled_from(["task", "within"]), STATUS),
    st.tuples(st.just("raises"), st.sampled_from(["ValueError", "cancelled"])),
    st.tuples(
        st.just("odd"),
        st.sampled_from(
            [
                {"type": "http.response.start"},
                {"type": "http.response.start", "status": "200", "headers": []},
                {"type": "http.response.start", "status": 2**40, "headers": []},
                {"type": "http.response.body", "body": None},
                {"type": "http.response.pathsend", "path": "/x"},
                {"type": "http.response.debug"},
                {"type": 7},
            ]
        ),
    ),
    st.tuples(st.sampled_from(["bare_body", "receive", "receive_unawaited", "trailers", "turn"])),
)
COMMON = [["route", 1], ["start", 200], ["body", 3]]
POSTED = [["route", 0], ["receive"], ["start", 201], ["body", 1]]
REQUEST = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "GET", "POST", "BREW"]),
        "path": st.sampled_from(["/", "/items/1", "/excluded/x", "/x" * 90]),
        "bodies": st.lists(SIZE, max_size=2),
        "steps": st.one_of(st.just(COMMON), st.just(POSTED), st.lists(STEP.map(list), max_size=6)),
    },
    optional={
        "scope": st.sampled_from([{"scheme": "https"}, {"root_path": "/v1"}, {"method": "GET"}]),
        "raw_path": st.booleans(),
        "again": st.integers(0, 1),
        "refuses": st.booleans(),
        "closes": st.booleans(),
    },
)
ORDINARY: dict[str, Any] = {"method": "GET", "path": "/items/1", "bodies": [], "steps": COMMON}
UPLOAD: dict[str, Any] = {"method": "POST", "path": "/", "bodies": [70_000], "steps": POSTED}


@pytest.fixture(scope="module")
def in_python() -> Iterator[Callable[[Any], Any]]:
    """Holds a conversation in a process that takes the Python way."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.asgi.conversations"],
        env={**os.environ, PURE: "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        asked, answered = child.stdin, child.stdout
        assert asked is not None
        assert answered is not None

        def ask(requests: Any) -> Any:
            asked.write(json.dumps(requests) + "\n")
            asked.flush()
            return json.loads(answered.readline())

        yield ask
        asked.close()


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=40, derandomize=True, database=None, suppress_health_check=QUIET)
@example([ORDINARY] * 4)
@example([UPLOAD] * 4)
@example([ORDINARY, {**ORDINARY, "refuses": True}, ORDINARY])
@example([ORDINARY, {**ORDINARY, "closes": True, "steps": [["turn"], *COMMON]}, ORDINARY])
@given(st.lists(REQUEST, min_size=1, max_size=8))
def test_both_ways_make_the_same_of_a_conversation(
    in_python: Callable[[Any], Any], requests: list[dict[str, Any]]
) -> None:
    """Messages, exceptions, scopes, counts and what is in flight are equal in both ways."""
    compare(in_python, requests)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=1000, suppress_health_check=QUIET)
@given(st.lists(REQUEST, min_size=1, max_size=8))
def test_both_ways_make_the_same_of_many_more(
    in_python: Callable[[Any], Any], requests: list[dict[str, Any]]
) -> None:
    """The same of other conversations each time."""
    compare(in_python, requests)


def compare(in_python: Callable[[Any], Any], requests: list[dict[str, Any]]) -> None:
    """Hold a conversation in both ways, after requests that make the routes known."""
    for request in requests:
        if any(step[0] == "within" for step in request["steps"]):
            request.pop("closes", None)  # an inner store opens in a thread, sooner or later
    warmed: list[dict[str, Any]] = [ORDINARY, ORDINARY, UPLOAD, UPLOAD, *requests]
    assert converse(warmed) == in_python(warmed)
