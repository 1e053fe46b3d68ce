"""The page on testing says what is true."""

import re
from pathlib import Path

import pytest

from sidelight.contract import DURATION_BUCKETS
from sidelight.testing import Metrics
from tests.testing.test_plugin import folder, run

__all__ = ["folder"]

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
SHOP = """
from fastapi import FastAPI
from pydantic import BaseModel
from sidelight import SidelightMiddleware

app = FastAPI()
app.add_middleware(SidelightMiddleware)

class Checkout(BaseModel):
    basket: int

@app.post("/checkout")
async def checkout(order: Checkout) -> int:
    {body}
    return order.basket
"""


@pytest.mark.newest
@pytest.mark.parametrize(("body", "outcome"), [("pass", 0), ("__import__('time').sleep(0.3)", 1)])
def test_the_example_runs(folder: Path, body: str, outcome: int) -> None:
    """The first test of the page passes on a good service, and fails on one that blocks."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    if body == "pass":  # a busy machine may take longer than the page's limits
        code = re.sub(r"(p50|p95|seconds)=(0\.\d+)", r"\1=10*\2", code)
    (folder / "shop.py").write_text(SHOP.format(body=body))
    (folder / "test_it.py").write_text(code)
    code, output = run(folder, "-W", "ignore")
    assert code == outcome, output


def test_every_call_is_in_the_table() -> None:
    """The table has the public methods, and no other."""
    rows = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)\(", row)}
    assert named == {name for name in vars(Metrics) if not name.startswith("_")}


def test_the_boundaries_are_the_defaults() -> None:
    """The boundaries that the page names are the first of the default ones."""
    (listed,) = re.findall(r"is a boundary \(([^…]*), …\)", PAGE.replace("\n", " "))
    named = [float(bound) for bound in listed.split(", ")]
    assert named == [*DURATION_BUCKETS][: len(named)]
