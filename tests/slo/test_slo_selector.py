"""Selectors: the series of a service, and the labels that recorded series keep."""

import pytest

from sidelight.errors import SettingsError
from sidelight.slo import selector
from tests.slo.made import context, every_rule, service

LOOSE = 'service = "a"\nselector = \'job=~"a-.*",namespace="x"\'\n[slo]\navailability = "99%"'


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ('job="x"', ("job",)),
        ('{job="x"}', ("job",)),
        ('job="x",namespace="y"', ("job", "namespace")),
        (' job = "x" , namespace="y" ,', ("job", "namespace")),
        ('app="x",cluster!="test"', ("app",)),
        ('job="a,b}\\"c"', ("job",)),
    ],
)
def test_what_is_pinned_stays(text: str, by: tuple[str, ...]) -> None:
    """Recorded series keep the labels with =."""
    assert selector.parse("selector", text).by == by


@pytest.mark.parametrize(
    "text", ["", "job", "job=x", 'job="x" namespace="y"', 'job=~"x"', 'job=""', '{job="x"', 5, None]
)
def test_a_wrong_selector(text: object) -> None:
    """An invalid selector, or one without =, is an error with an example."""
    with pytest.raises(SettingsError, match=r"selector=.* for example selector = 'job="):
        selector.parse("selector", text)


def test_every_rule_asks_for_its_own_service() -> None:
    """No expression of a service reads a series of another service."""
    for rule in every_rule(context('service = "shop"\nslo = { latency = "99% < 1s" }')):
        selectors = rule["expr"].replace('"${1}xx"', "").count("{")
        assert selectors == rule["expr"].count('job="shop"'), rule


def test_a_selector_that_does_not_tell_services_apart() -> None:
    """Where the labels do not distinguish services, recorded series have the service's name."""
    for rule in every_rule(context(LOOSE)):
        if "record" in rule:
            assert rule["labels"]["service"] == "a"
        for part in rule["expr"].split("slo:")[1:]:
            assert 'namespace="x",service="a"' in part


def test_the_name_of_a_service_with_a_selector() -> None:
    """Without a name, the service has the name of its job."""
    text = 'selector = \'namespace="y",job="x"\'\n[slo]\navailability = "99%"'
    assert service(text).name == "x"


def test_defaults_without_some_jobs() -> None:
    """Jobs with rules of their own are excluded by name, and only these."""
    assert selector.every_job("a.b", 'c"').scraped == 'job!~"a\\\\.b|c\\""'
    assert selector.every_job("a|b").scraped == 'job!~"a\\\\|b"'
    assert selector.every_job().scraped == ""
