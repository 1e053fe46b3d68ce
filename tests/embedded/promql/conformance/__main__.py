"""Run Prometheus's own tests of PromQL and print the counts of the answers: make test-promql."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from sidelight.embedded.promql.limits import QueryError
from tests.embedded.promql.conformance.compliance import comparisons
from tests.embedded.promql.conformance.expected_annotations import expects_annotations
from tests.embedded.promql.conformance.refusals import is_listed, why_refused
from tests.embedded.promql.conformance.scripts import evaluations

CACHE: Final = Path(__file__).parents[4] / ".cache"
SCRIPTS: Final = "prometheus-*/promql/promqltest/testdata"
COMPLIANCE: Final = "compliance/promql"
GET: Final = "git clone --depth 1 https://github.com/prometheus"
GET_SCRIPTS: Final = f"{GET}/prometheus --branch v3.5.3 {CACHE / 'prometheus-v3.5.3'}"
GET_COMPLIANCE: Final = f"{GET}/compliance {CACHE / 'compliance'}"


class Finding(NamedTuple):
    """What came of one query: ``kind`` is same, as by default, refused, not listed or wrong.

    Not listed: docs/promql.md does not have the reason for which it is refused. ``annotated``: an
    info or a warning is expected.
    """

    kind: str
    reason: str
    place: str
    annotated: bool = False


def of_scripts(folder: Path) -> Iterator[Finding]:
    """Run all scripts of a version of Prometheus."""
    for path in sorted(folder.glob("*.test")):
        for one, outcome in evaluations(path.read_text("utf-8")):
            place = f"{path.name}:{one.line}: {one.text}\n  {outcome.wrong}"
            finding = Finding(outcome.kind, outcome.refused, place, expects_annotations(one))
            yield _listed_or_not(finding)


def of_compliance(folder: Path) -> Iterator[Finding]:
    """Ask the queries of prometheus/compliance."""
    for one in comparisons(folder):
        kind = "refused" if one.refused else "wrong" if one.wrong else "same"
        reason = why_refused(QueryError("bad_data", one.actual.message)) if one.refused else ""
        yield _listed_or_not(Finding(kind, reason, str(one)))


def _listed_or_not(one: Finding) -> Finding:
    return one if is_listed(one.reason) else one._replace(kind="not listed")


def report(source: str, findings: Iterable[Finding]) -> bool:
    """Print what differs and the counts. Return whether there are queries, and all are right."""
    kinds: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    annotated: Counter[str] = Counter()
    for one in findings:
        kinds[one.kind] += 1
        annotated[one.kind] += one.annotated
        reasons[one.reason] += one.kind == "refused"
        if one.kind not in {"same", "refused"}:
            _say(f"{one.kind}: {one.place}")
    _say(f"{source}: {kinds.total()} evaluations: {_counts(kinds)}")
    if annotated.total():
        _say(f"  with an info or a warning: {_counts(annotated)}")
    if kinds["refused"]:
        _say(f"  refused: {_counts(reasons)}")
    return kinds.total() > 0 and not kinds["wrong"] and not kinds["not listed"]


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{number} {what}" for what, number in counted.most_common() if number)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def main() -> int:
    """Return 0 if there is anything to run, and nothing is wrong."""
    scripts, compliance = sorted(CACHE.glob(SCRIPTS)), CACHE / COMPLIANCE
    right = [report(folder.parents[2].name, of_scripts(folder)) for folder in scripts]
    if not scripts:
        _say(f"There are no scripts of Prometheus here. To get them: {GET_SCRIPTS}")
    if compliance.is_dir():
        right.append(report("compliance", of_compliance(compliance)))
    else:
        _say(f"The queries of prometheus/compliance are not here. To get them: {GET_COMPLIANCE}")
    return 0 if right and all(right) else 1


if __name__ == "__main__":
    sys.exit(main())
