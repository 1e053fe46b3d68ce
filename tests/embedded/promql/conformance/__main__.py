"""Run Prometheus's own scripts and print how many evaluations are the same: make test-promql."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.embedded.promql.conformance.by_default import answers_as_by_default
from tests.embedded.promql.conformance.evaluation import Outcome, evaluate
from tests.embedded.promql.conformance.loaded_series import LoadedSeries
from tests.embedded.promql.conformance.script import Clear, Evaluation, Load, read_script

CACHE: Final = Path(__file__).parents[4] / ".cache"
SCRIPTS: Final = "prometheus-*/promql/promqltest/testdata"
GET: Final = """\
There are no scripts of Prometheus here. For example, get those of version 3.5.3:
git clone --depth 1 --branch v3.5.3 https://github.com/prometheus/prometheus {}"""


def evaluations(script: str) -> Iterator[tuple[Evaluation, Outcome]]:
    """Run a script and yield its evaluations with their outcomes."""
    loaded = LoadedSeries()
    for command in read_script(script):
        match command:
            case Load():
                loaded.add(command)
            case Clear():
                loaded = LoadedSeries()
            case _:
                outcome = evaluate(command, loaded)
                default = bool(outcome.wrong) and answers_as_by_default(command, loaded)
                yield command, outcome._replace(by_default=default)


def run_version(folder: Path) -> bool:
    """Run all scripts of a version, print what is wrong and the counts; whether none is wrong."""
    counted: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for path in sorted(folder.glob("*.test")):
        for one, outcome in evaluations(path.read_text("utf-8")):
            counted[outcome.kind] += 1
            reasons[outcome.refused] += bool(outcome.refused)
            if outcome.kind not in {"same", "refused"}:
                _say(f"{outcome.kind}: {path.name}:{one.line}: {one.text}\n  {outcome.wrong}")
    _say(f"{folder.parents[2].name}: {counted.total()} evaluations: {_listed(counted)}")
    _say(f"  refused: {_listed(reasons)}")
    return not counted["wrong"]


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{number} {what}" for what, number in counted.most_common() if what)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def main() -> int:
    """Return 0 if there are scripts and no answer is wrong."""
    folders = sorted(CACHE.glob(SCRIPTS))
    if not folders:
        _say(GET.format(CACHE / "prometheus-v3.5.3"))
    return 0 if folders and all([run_version(folder) for folder in folders]) else 1  # noqa: C419 # each is run


if __name__ == "__main__":
    sys.exit(main())
