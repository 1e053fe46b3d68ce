"""Failed requests: the route, the exception, the version or the instance that they come from."""

import time

from sidelight.why.text import screen
from tests.why.canned import NOW, SHOP, Canned, alert, only, report, route

FAILS = {
    "failed": [(SHOP, 10.0)],
    "failed_by_route": [(route("/search"), 9.5), (route("/items"), 0.5)],
    "requests_by_route": [(route("/search"), 20.0), (route("/items"), 80.0)],
    "exceptions": [({**SHOP, "http_route": "/search", "error_type": "SearchError"}, 2850.0)],
}
BEFORE = {
    "requests": [(SHOP, 100.0)],
    "requests_by_route": [(route("/search"), 20.0)],
    "failed_by_route": [(route("/search"), 0.2)],
}
FAILING = (
    "GET /search fails: 47.5 % of its requests, 9.5/s; 1 h before it was 1 %. That is 95 % of all "
    "failed requests."
)
BURN = alert("AvailabilityErrorBudgetBurn", slo="availability", window="1h")


def test_the_route_and_its_exception_are_named() -> None:
    """The cause has the route, the exception, its share, since when, and the runbook's step."""
    source = Canned(FAILS, BEFORE, [BURN], {BURN.name})
    source.onset["/search"] = [NOW - 3000, *(NOW - 30 * step for step in range(10, -1, -1))]
    found = report(source)
    assert (found.state, found.since) == ("critical", NOW - 300)
    cause = only(found)
    queries = cause.pop("queries")
    assert cause == {
        "kind": "errors",
        "method": "GET",
        "route": "/search",
        "code": None,
        "awaited": None,
        "exception": "SearchError",
        "share": 0.95,
        "since": "2027-01-15T07:55:00Z",
        "labels": {"job": "shop"},
        "alerts": [
            {
                "name": "AvailabilityErrorBudgetBurn",
                "severity": "critical",
                "state": "firing",
                "since": "2027-01-15T07:59:00Z",
                "labels": dict(BURN.labels),
                "summary": "AvailabilityErrorBudgetBurn of shop",
                "runbook": "",
            }
        ],
        "summary": f"{FAILING} The exception is SearchError.",
        "next_step": "If it began with a change, undo the change now, and look for the cause "
        "later.",
    }
    assert [query.split("(")[0] for query in queries] == ["topk", "topk"]


def test_each_sentence_has_its_query() -> None:
    """On the screen the alert comes first, then the cause; each figure has a query below it."""
    found = screen(report(Canned(FAILS, BEFORE, [BURN])))
    clock = time.strftime("%H:%M:%S", time.localtime(NOW - 60))
    assert [text for text, _ in found] == [
        f"shop: critical since {clock} (1 min); AvailabilityErrorBudgetBurn fires.",
        FAILING,
        "The exception is SearchError.",
        "Next: If it began with a change, undo the change now, and look for the cause later.",
    ]
    assert [bool(query) for _, query in found] == [True, True, True, False]


def test_the_alert_of_a_route_is_about_that_route() -> None:
    """A route that has no part in the alert is no cause, though it fails more often."""
    burn = alert("AvailabilityErrorBudgetBurn", http_route="/pay", http_request_method="POST")
    rows = [(route("/search"), 6.0), (route("/pay", "POST"), 4.0)]
    cause = only(report(Canned({"failed": [(SHOP, 10.0)], "failed_by_route": rows}, {}, [burn])))
    assert (cause["method"], cause["route"], cause["share"]) == ("POST", "/pay", 0.4)


def test_few_failures_without_an_alert_are_no_cause() -> None:
    """Nothing is wrong with 4.9 % of failures, nor with 9 failures in five minutes."""
    for failed, requests in ((4.9, 100.0), (0.03, 0.1)):
        rows = {"failed": [(SHOP, failed)], "requests": [(SHOP, requests)]}
        rows["failed_by_route"] = [(route("/search"), failed)]
        assert report(Canned(rows)).state == "ok"


def test_many_failures_without_an_alert_are_a_warning() -> None:
    """A tenth of the requests fails, and the alert does not fire yet: the state is a warning."""
    found = report(Canned(FAILS, BEFORE, rules={BURN.name}))
    assert (found.state, only(found)["alerts"]) == ("warning", [])


def test_a_bad_version_is_named_before_its_instance() -> None:
    """Where one version has the failures, the cause is the version, with the route."""
    by = {
        "failed_by_version": [({**SHOP, "service_version": "2.0"}, 9.0), (_version("1.9"), 1.0)],
        "requests_by_version": [(_version("2.0"), 10.0), (_version("1.9"), 90.0)],
        "failed_by_instance": [(_instance("c"), 9.0), (_instance("a"), 1.0)],
        "requests_by_instance": [(_instance("c"), 10.0), (_instance("a"), 90.0)],
    }
    cause = only(report(Canned({**FAILS, **by}, BEFORE, [BURN])))
    assert (cause["kind"], cause["route"]) == ("version", "/search")
    assert cause["labels"]["service_version"] == "2.0"
    assert cause["summary"].endswith(
        "It is the version 2.0: 90 % of its requests fail, and 1.11 % of those of the other."
    )


def test_a_bad_instance_of_three_is_named() -> None:
    """Where one of three instances has the failures, the cause is the instance."""
    by = {
        "failed_by_instance": [(_instance("b"), 9.0), (_instance("a"), 0.5), (_instance("c"), 0.5)],
        "requests_by_instance": [(_instance(name), 33.0) for name in "abc"],
    }
    cause = only(report(Canned({**FAILS, **by}, BEFORE, [BURN])))
    assert (cause["kind"], cause["labels"]["instance"]) == ("instance", "b")


def test_instances_that_fail_alike_are_not_named() -> None:
    """An instance with more traffic has more failures: that is no difference."""
    by = {
        "failed_by_instance": [(_instance("b"), 8.0), (_instance("a"), 2.0)],
        "requests_by_instance": [(_instance("b"), 80.0), (_instance("a"), 20.0)],
    }
    assert only(report(Canned({**FAILS, **by}, BEFORE, [BURN])))["kind"] == "errors"


def test_an_alert_without_failures_is_unknown() -> None:
    """An alert of an hour's window may fire after the last failure: the report says so."""
    found = report(Canned({}, BEFORE, [BURN]))
    assert (found.state, list(found.causes)) == ("critical", [])
    assert "AvailabilityErrorBudgetBurn fires" in found.unknown[0]


def _version(name: str) -> dict[str, str]:
    return {**SHOP, "service_version": name}


def _instance(name: str) -> dict[str, str]:
    return {**SHOP, "instance": name}
