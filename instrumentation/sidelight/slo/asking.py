"""Annotations that ask Prometheus a second question when the alert fires."""

from dataclasses import replace

from sidelight.slo.plan import Plan
from sidelight.slo.selector import one_job


def pack_method_scheme(plan: Plan) -> Plan:
    """The plan to write such a question with: where each job is a service, about the one job."""
    if plan.named:
        return plan
    return replace(plan, service=replace(plan.service, selector=one_job("%[1]s")))


def ask(plan: Plan, query: str, text: str) -> str:
    """A template that runs ``query``, made with `asked`, and writes ``text`` for each answer."""
    given = f"`{query}`" if plan.named else f"(printf `{query}` $labels.job)"
    return f"{{{{ range query {given} }}}}{text}{{{{ end }}}}"
