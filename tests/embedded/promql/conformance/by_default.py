"""What a Prometheus 3, with no feature flag but that of native histograms, answers to a script.

Scripts are written for all feature flags, and those of a newer version for its answers.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.embedded.promql.actual import ask, ask_range
from tests.embedded.promql.answers import difference
from tests.embedded.promql.conformance.loaded_series import LoadedSeries
from tests.embedded.promql.conformance.script import Evaluation
from tests.embedded.promql.oracle_server import NATIVE_HISTOGRAMS, oracle_server, program


def answers_as_by_default(one: Evaluation, loaded: LoadedSeries) -> bool:
    """Whether the engine and the Prometheus 3 that is installed answer the same."""
    command = program(3)
    if command is None:
        return False
    blocks = loaded.blocks()
    with (
        TemporaryDirectory() as where,
        oracle_server(command, blocks, Path(where) / "prometheus", NATIVE_HISTOGRAMS) as server,
    ):
        if one.step:
            times = one.start, one.end, one.step
            expected = server.ask_range(one.text, *times)
            actual = ask_range(one.text, loaded, *times)
        else:
            expected = server.ask(one.text, one.start)
            actual = ask(one.text, loaded, one.start)
    native = any(one.histograms is not None for one in blocks)
    return not difference(expected, actual, rounded=native)
