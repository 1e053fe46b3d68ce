"""What functions need of the evaluator to get the values of their arguments."""

from collections.abc import Sequence
from typing import Protocol

from sidelight.embedded.promql.annotations import Annotations
from sidelight.embedded.promql.ast import Node, SubqueryExpr, VectorSelector
from sidelight.embedded.promql.frame import Floats, Frame, Ints
from sidelight.embedded.promql.limits import QueryUsage
from sidelight.embedded.promql.range_windows import Windows
from sidelight.embedded.promql.selectors import SelectorCache


class ArgumentEvaluator(Protocol):
    """What a function needs of the evaluator to get the values of its arguments."""

    steps: Ints
    annotations: Annotations
    usage: QueryUsage
    selector_cache: SelectorCache

    def vector(self, node: Node) -> Frame:
        """Evaluate an instant vector."""
        ...

    def scalar(self, node: Node) -> Floats:
        """Evaluate a scalar."""
        ...

    def scalars(self, nodes: Sequence[Node]) -> list[Floats]:
        """Evaluate several scalars."""
        ...

    def windows(self, node: Node) -> list[Windows]:
        """Evaluate a range vector."""
        ...

    def selected_times(self, node: VectorSelector | SubqueryExpr) -> Ints:
        """Return the times that a selector selects."""
        ...
