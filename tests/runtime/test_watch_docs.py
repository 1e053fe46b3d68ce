"""The page about `watch` is correct."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sidelight.runtime import adapters, watching

PAGE = (Path(__file__).parents[2] / "docs" / "watch.md").read_text()
CODE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("code", CODE)
def test_the_code_on_the_page_runs(code: str) -> None:
    """Each example runs with its libraries, as far as it needs no server."""
    space: dict[str, object] = {}
    exec(code, space)  # noqa: S102 our own page
    executor = space.get("reports")
    if isinstance(executor, ThreadPoolExecutor):
        assert watching._watched["reports"].source is executor
        executor.shutdown()


def test_all_that_can_be_watched_is_on_the_page() -> None:
    """Every class the error lists is named in the table, and the limit on names is the real one."""
    table = PAGE[PAGE.index("| object") : PAGE.index("Subclasses")]
    for known in adapters.KNOWN:
        name = known.rpartition(".")[2]
        if name != "InterpreterPoolExecutor":  # of a Python that isn't supported yet
            assert f"{name}`" in table, known
    assert f"at most {watching.MOST_NAMES} in a process" in PAGE
