"""Objectives in the settings: the configuration they make, and the messages for wrong ones."""

import tomllib
from decimal import Decimal

import pytest

from sidelight.errors import SettingsError
from sidelight.route_pattern import RoutePattern
from sidelight.slo import config, objectives
from sidelight.slo.objectives import Objective
from tests.slo.made import SHOP, service

HEAD = 'service = "shop"\n[slo]\n'
# Settings, the key that is named, and a word of what is wrong with it.
BAD = [
    ('[slo]\navailability = "99.9%"', "service", "needed"),
    ('service = ""\n[slo]\navailability = "99%"', "service", "empty"),
    ('service = "a{{b"\n[slo]\navailability = "99%"', "service", "braces"),
    ('service = 5\n[slo]\navailability = "99%"', "service", "text"),
    ('service = "a"\nslo = 5', "slo", "table"),
    (HEAD, "slo", "no objective"),
    (HEAD + "availability = 99.9", "slo.availability", "share"),
    (HEAD + 'availability = "99.9"', "slo.availability", "% sign"),
    (HEAD + 'availability = "100%"', "slo.availability", "below 100%"),
    (HEAD + 'availability = "0%"', "slo.availability", "above 0%"),
    (HEAD + 'availability = "-1%"', "slo.availability", "share"),
    (HEAD + 'availability = "nan%"', "slo.availability", "share"),
    (HEAD + 'latency = "300ms"', "slo.latency", "share and a time"),
    (HEAD + 'latency = "99% < 300"', "slo.latency", "ms or s"),
    (HEAD + 'latency = "99% > 300ms"', "slo.latency", "share and a time"),
    (HEAD + 'latency = "99% < 0ms"', "slo.latency", "1ms to 3600s"),
    (HEAD + 'latency = "99% < 3601s"', "slo.latency", "1ms to 3600s"),
    (HEAD + 'latency = "100% < 1s"', "slo.latency", "share"),
    (HEAD + 'latency = ["99% < 1s"]', "slo.latency", "share and a time"),
    (HEAD + 'availabilty = "99%"', "slo.availabilty", "unknown key, did you mean availability?"),
    (HEAD + 'nonsense = "99%"', "slo.nonsense", "unknown key (known: availability, latency,"),
    ('service = "a"\n[slos]\nlatency = "99% < 1s"', "slos", "unknown key, did you mean slo?"),
    ('servce = "a"\n[slo]\navailability = "99%"', "servce", "did you mean service?"),
    (HEAD + 'route = [{ mach = "GET /x" }]', "slo.route.mach", "unknown key, did you mean match?"),
    (
        HEAD + 'route = [{ match = "GET /x", latncy = "99% < 1s" }]',
        "slo.route[GET /x].latncy",
        "unknown key, did you mean latency? (known: match, availability, latency, first_byte)",
    ),
    (HEAD + 'availability = "99%"\nwindow = "3d"', "slo.window", "longer than 3d"),
    (HEAD + 'availability = "99%"\nwindow = "30"', "slo.window", "days or weeks"),
    (HEAD + 'availability = "99%"\nwindow = "91d"', "slo.window", "90d"),
    (HEAD + 'availability = "99%"\nwindow = 30', "slo.window", "days or weeks"),
    (HEAD + 'availability = "99%"\nexclude = "GET /a"', "slo.exclude", "list"),
    (HEAD + 'availability = "99%"\nexclude = ["a"]', "slo.exclude", "list"),
    (HEAD + 'availability = "99%"\nexclude = ["/a*"]', "slo.exclude", "/*"),
    (HEAD + 'availability = "99%"\nexclude = [5]', "slo.exclude", "list"),
    (HEAD + 'availability = "99%"\nexclude = ["/a", "get /b"]', "slo.exclude", "'GET /b'?"),
    (HEAD + 'availability = "99%"\nmin_bad_events = 0', "slo.min_bad_events", "whole"),
    (HEAD + 'availability = "99%"\nmin_bad_events = true', "slo.min_bad_events", "whole"),
    (HEAD + 'availability = "99%"\nmin_bad_events = "10"', "slo.min_bad_events", "whole"),
    (HEAD + 'availability = "99%"\nlabels = { severity = "x" }', "slo.labels", "none of"),
    (HEAD + 'availability = "99%"\nlabels = { a = 5 }', "slo.labels", "texts"),
    (HEAD + 'availability = "99%"\nlabels = { "a-b" = "x" }', "slo.labels", "names"),
    (HEAD + 'availability = "99%"\nannotations = { summary = "x" }', "slo.annotations", "none of"),
    (HEAD + 'availability = "99%"\nrunbook_base = ""', "slo.runbook_base", "address"),
    (HEAD + 'availability = "99%"\ndashboard_base = 5', "slo.dashboard_base", "address"),
    (HEAD + 'availability = "99%"\nroot_path = "/api/"', "slo.root_path", "end in /"),
    (HEAD + 'availability = "99%"\nfirst_byte = "yes"', "slo.first_byte", "true or false"),
    (HEAD + 'route = "x"', "slo.route", "tables"),
    (HEAD + 'route = [{ availability = "99%" }]', "slo.route.match", "METHOD"),
    (HEAD + 'route = [{ match = "/x", availability = "99%" }]', "slo.route.match", "METHOD"),
    (HEAD + 'route = [{ match = "get /x", availability = "99%" }]', "slo.route.match", "METHOD"),
    (HEAD + 'route = [{ match = "GET /*", availability = "99%" }]', "slo.route.match", "METHOD"),
    (HEAD + 'route = [{ match = "GET /x" }]', "slo.route[GET /x]", "no objective"),
    (
        HEAD + 'route = [{ match = "GET /x", latency = "1s" }]',
        "slo.route[GET /x].latency",
        "share and a time",
    ),
    (
        HEAD + 'route = [{ match = "GET /x", window = "7d" }]',
        "slo.route[GET /x].window",
        "unknown key",
    ),
    (
        HEAD + 'route = [{ match = "GET /x", availability = "99%", first_byte = true }]',
        "slo.route[GET /x]",
        "no latency",
    ),
    (
        HEAD + 'route = [{ match = "GET /x", availability = "99%", first_byte = 1 }]',
        "slo.route[GET /x].first_byte",
        "true or false",
    ),
]


def failure(text: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        service(text)
    return caught.value


@pytest.mark.parametrize(("text", "key", "wrong"), BAD)
def test_a_wrong_objective(text: str, key: str, wrong: str) -> None:
    """The message names the key, what was given, what is wrong, and an example."""
    error = failure(text)
    assert error.key == key
    assert str(error).startswith(f"{key}=")
    assert wrong in str(error)
    assert "; for example " in str(error)


@pytest.mark.parametrize(("text", "key", "wrong"), BAD)
def test_the_example_works(text: str, key: str, wrong: str) -> None:
    """The example in each message works in the settings."""
    example = str(failure(text)).rpartition("for example ")[2]
    settings: dict[str, object] = {"service": "shop"}
    found = tomllib.loads(example)
    (name,) = found
    if name in {"service", "slo", "selector"}:
        settings |= found
    elif name == "match":
        settings["slo"] = {"route": [{**found, "availability": "99%"}]}
    else:
        settings["slo"] = {"latency": "99% < 1s", **found}
    assert config.read(settings).objectives


def test_three_lines() -> None:
    """The shares and times of an objective are exact, whatever their unit."""
    found = service(HEAD + 'availability = "99.9%"\nlatency = "99% < 300ms"').objectives
    assert found == (
        Objective("availability", Decimal("0.999")),
        Objective("latency", Decimal("0.99"), Decimal("0.3")),
    )
    assert [one.budget for one in found] == [Decimal("0.001"), Decimal("0.01")]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("99% < 300ms", "0.3"), ("99%<1s", "1"), ("99.5 % < 2.5 s", "2.5"), ("50% < 1500ms", "1.5")],
)
def test_times(text: str, seconds: str) -> None:
    """Milliseconds and seconds, with and without blanks."""
    (found,) = service(f'{HEAD}latency = "{text}"').objectives
    assert found.seconds == Decimal(seconds)


def test_two_objectives_that_say_the_same() -> None:
    """A second objective of the same kind for a route is an error that shows both."""
    table = '[[slo.route]]\nmatch = "GET /x"\navailability = "{}"\n'
    error = failure('service = "a"\n' + table.format("99%") + table.format("99.9%"))
    assert error.key == "slo.route[GET /x].availability"
    assert "'99.9%'" in str(error)
    assert "'99%'" in str(error)


def test_two_tables_of_one_route() -> None:
    """A route's availability and its latency may be in separate tables."""
    table = '[[slo.route]]\nmatch = "GET /x"\n'
    found = service(
        f'service = "a"\n{table}availability = "99%"\n{table}latency = "99% < 1s"\n'
    ).objectives
    assert [one.kind for one in found] == ["availability", "latency"]
    assert {one.route for one in found} == {RoutePattern("GET", "/x")}


def test_root_path_stands_before_every_route() -> None:
    """Routes are written without root_path, and matched with it, as the metrics have it."""
    found = service(
        HEAD + 'root_path = "/api"\nexclude = ["/x/*"]\n'
        'route = [{ match = "GET /x", availability = "99%" }]'
    )
    assert found.objectives[0].route == RoutePattern("GET", "/api/x")
    assert found.exclude == (RoutePattern("", "/api/x/*"),)


def test_an_impossible_burn_rate_is_reported() -> None:
    """At 90 %, 14.4 times the budget is more than all requests: the calculation is reported."""
    (remark,) = objectives.impossible_burn_rates(service(HEAD + 'availability = "90%"'))
    assert remark.startswith("slo.availability='90%'")
    assert "14.4 x (1 - 0.9) = 1.44" in remark
    assert len(list(objectives.impossible_burn_rates(service(HEAD + 'availability = "50%"')))) == 3
    assert list(objectives.impossible_burn_rates(service(HEAD + 'availability = "99%"'))) == []


def test_without_any_settings() -> None:
    """Without objectives, each job has an availability objective of 99 %."""
    found = service("")
    assert (found.name, found.selector.by) == (None, ("job",))
    assert found.objectives == (Objective("availability", Decimal("0.99")),)


def test_a_service_without_objectives() -> None:
    """A name alone makes the same rules, for this service only."""
    found = service('service = "shop"')
    assert (found.name, found.selector.scraped) == ("shop", 'job="shop"')
    assert found.objectives == (Objective("availability", Decimal("0.99")),)


def test_what_the_rule_tests_use() -> None:
    """The settings under test have a route with an objective, one of 90 %, and a stream."""
    found = service(SHOP.read_text())
    assert {str(one.route) for one in found.objectives if one.route} == {
        "POST /checkout",
        "GET /search",
        "GET /feed",
    }
    assert [str(route) for route in found.streams] == ["GET /feed"]
