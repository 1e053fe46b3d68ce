"""What looks at a request tell of its phases, and what they leave open."""

from sidelight.runtime.seen_phases import MOST_REQUESTS, SeenPhases

START = 1_000
THIS = (START, 8)


def looks(*found: tuple[str, int, int]) -> SeenPhases:
    """What is known of a request after some looks: a phase, when, and how long after another."""
    phases = SeenPhases()
    for phase, now, passed in found:
        phases.add(THIS, phase, now, passed)
    return phases


def test_the_first_look_tells_no_more_than_the_time_since_the_one_before() -> None:
    """What the request did before that is not known."""
    assert looks(("endpoint", START + 500, 100)).spent(THIS, START) == {"endpoint": 100}


def test_a_look_before_a_request_began_tells_no_more_than_its_age() -> None:
    """The time between two looks may be longer than a request."""
    assert looks(("endpoint", START + 50, 100)).spent(THIS, START) == {"endpoint": 50}


def test_two_looks_at_one_phase_tell_all_the_time_between_them() -> None:
    """Also of looks at other requests, of which there were some between."""
    seen = looks(("endpoint", START + 500, 100), ("endpoint", START + 2_000, 100))
    assert seen.spent(THIS, START) == {"endpoint": 1_600}


def test_a_phase_that_follows_has_no_more_than_the_time_since_the_last_look() -> None:
    """In what the request was for the rest is not known."""
    seen = looks(("dependencies", START + 500, 100), ("endpoint", START + 2_000, 100))
    assert seen.spent(THIS, START) == {"dependencies": 100, "endpoint": 100}


def test_a_look_soon_after_another_tells_the_time_between_them() -> None:
    """The watchdog's look and that of the loop do not count a time twice."""
    seen = looks(("endpoint", START + 500, 100), ("serialization", START + 520, 100))
    assert seen.spent(THIS, START) == {"endpoint": 100, "serialization": 20}


def test_a_time_in_no_phase_is_in_none() -> None:
    """Also where a phase is seen again afterwards."""
    body = ("body", START + 500, 100)
    seen = looks(
        body, ("", START + 600, 100), ("", START + 5_000, 100), ("body", START + 5_100, 90)
    )
    assert seen.spent(THIS, START) == {"body": 190}


def test_a_late_look_tells_nothing_of_another_phase() -> None:
    """Where nothing is known of the time before it."""
    assert looks(("endpoint", START + 500, 0)).spent(THIS, START) == {}


def test_the_wait_for_the_event_loop_is_in_no_other_phase() -> None:
    """A request that was called after a look may have waited since before it."""
    seen = looks(("dependencies", START + 500, 100), ("endpoint", START + 600, 100))
    assert seen.spent(THIS, START + 450) == {"dependencies": 50, "endpoint": 100}
    assert seen.spent(THIS, START + 500) == {"endpoint": 100}


def test_a_request_that_was_not_seen_has_no_phases() -> None:
    """It began at another time, or at the same."""
    assert looks(("endpoint", START + 500, 100)).spent((START + 1, 8), START + 1) == {}
    assert looks(("endpoint", START + 500, 100)).spent((START, 20), START) == {}


def test_the_requests_that_were_not_seen_for_longest_are_forgotten() -> None:
    """With one more than there is room for; one that is seen again is kept."""
    phases = SeenPhases()
    requests = [(start, 8) for start in range(MOST_REQUESTS + 1)]
    for one in requests[:-1]:
        phases.add(one, "body", 10_000, 10)
    phases.add(requests[0], "body", 10_010, 10)
    phases.add(requests[-1], "body", 10_020, 10)
    assert phases.spent(requests[0], 0) == {"body": 20}
    assert phases.spent(requests[1], 1) == {}
    assert phases.spent(requests[2], 2) == {"body": 10}
