"""A route of an objective, or the routes that an objective leaves out."""

from dataclasses import dataclass

from sidelight.text_format import escaped, literal


@dataclass(frozen=True, slots=True)
class RoutePattern:
    """A route, or several: ``method`` may be empty, and ``template`` may end in ``*``."""

    method: str
    template: str

    @classmethod
    def parse(cls, text: str, root: str = "") -> "RoutePattern":
        """``GET /x``, ``/x`` or ``/x/*``; ``root`` is put before the template."""
        method, _, template = text.rpartition(" ")
        return cls(method, root + template)

    @property
    def matchers(self) -> str:
        """PromQL matchers of the routes."""
        if self.template.endswith("*"):
            text = f'http_route=~"{escaped(literal(self.template[:-1]))}.*"'
        else:
            text = f'http_route="{escaped(self.template)}"'
        return f'http_request_method="{self.method}",{text}' if self.method else text

    def covers(self, other: "RoutePattern") -> bool:
        """Whether a route is one of these."""
        if self.method and self.method != other.method:
            return False
        if self.template.endswith("*"):
            return other.template.startswith(self.template[:-1])
        return other.template == self.template

    def __str__(self) -> str:
        return f"{self.method} {self.template}".strip()
