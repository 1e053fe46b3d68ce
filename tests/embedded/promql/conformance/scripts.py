"""The run of a script: what it loads is kept, and each of its evaluations has an outcome."""

from collections.abc import Iterator

from tests.embedded.promql.conformance.by_default import answers_as_by_default
from tests.embedded.promql.conformance.evaluation import Outcome, evaluate
from tests.embedded.promql.conformance.loaded_series import LoadedSeries
from tests.embedded.promql.conformance.script import Clear, Evaluation, Load, read_script


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
