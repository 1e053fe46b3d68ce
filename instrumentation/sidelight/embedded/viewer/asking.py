"""From a panel to what is drawn of it: its queries asked, and the answers put into its form."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import markdown2  # type: ignore[import-untyped]

from sidelight.embedded.viewer import figures, heatmap, tables, timeseries
from sidelight.embedded.viewer.board import Board, Panel, Target
from sidelight.embedded.viewer.fields import field as field_of
from sidelight.embedded.viewer.marks import Mark, spans
from sidelight.embedded.viewer.prometheus import Answer, AskError, Exemplar, Prometheus
from sidelight.embedded.viewer.runbooks import runbook
from sidelight.embedded.viewer.times import Range, Steps, aligned, steps
from sidelight.embedded.viewer.variables import SOURCE, Chosen, fill, label_values

Json = dict[str, Any]
MARGIN: Final = 70
"""Pixels beside a graph's lines."""
NO_VALUE: Final = "No data"
MOST_MARKS: Final = 100
RUNBOOK_LINK: Final = re.compile(r"\[([^\]]*)\]\((\w+)\.md\)")
DOCS_LINK: Final = re.compile(r"\[([^\]]*)\]\((?!/|https?:)[^)]*\)")


@dataclass(frozen=True, slots=True)
class Question:
    """What a refresh is about: a dashboard, what is chosen, and the time that gives.

    ``width`` is that of the page in pixels; ``finest`` is a least step in seconds for panels that
    ask for a coarser one.
    """

    board: Board
    chosen: Chosen
    asked: Range
    server: Prometheus
    width: int = 1400
    finest: float | None = None
    marks: "asyncio.Future[Sequence[Mark]] | None" = field(default=None, compare=False)


async def content(question: Question, panel: Panel) -> Json:
    """What the browser draws; an error is content too. ``kind`` says which form it has."""
    remarks = [f"Not drawn here: {text}" for text in panel.remarks]
    try:
        made, warnings = await _content(question, panel)
    except AskError as error:
        made, warnings = {"kind": "error", "text": str(error)}, ()
    return {**made, "remarks": [*remarks, *warnings]}


async def _content(question: Question, panel: Panel) -> tuple[Json, Sequence[str]]:
    if panel.type == "text":
        return {"kind": "text", "html": html(panel.options.get("content", ""))}, ()
    if panel.type not in KINDS:
        return {"kind": "error", "text": f"This viewer has no panels of type {panel.type!r}"}, ()
    paced = [(target, pace(question, panel, target)) for target in panel.targets]
    answers = await asyncio.gather(*(_ask(question, target, pace) for target, pace in paced))
    warnings = list(dict.fromkeys(text for answer in answers for text in answer.warnings))
    made = await KINDS[panel.type](question, panel, answers)
    return made or {"kind": "empty", "text": field_of(panel, "").get("noValue", NO_VALUE)}, warnings


async def _graph(question: Question, panel: Panel, answers: Sequence[Answer]) -> Json | None:
    traces = await exemplars(question, panel)
    noted = await question.marks if question.marks else ()
    stepped = [
        (answer, pace(question, panel, target).step)
        for target, answer in zip(panel.targets, answers, strict=True)
    ]
    made = timeseries.option(panel, stepped, question.asked, noted, traces)
    return made and {"kind": "chart", "option": made}


async def _heat(question: Question, panel: Panel, answers: Sequence[Answer]) -> Json | None:
    traces = await exemplars(question, panel)
    step = pace(question, panel, panel.targets[0]).step
    made = heatmap.option(panel, answers[0], step, question.asked, traces)
    return made and {"kind": "chart", "option": made}


async def _table(question: Question, panel: Panel, answers: Sequence[Answer]) -> Json | None:
    made = tables.content(panel, answers, question.chosen)
    return made and {"kind": "table", **made}


async def _stat(_: Question, panel: Panel, answers: Sequence[Answer]) -> Json | None:
    made = figures.stat(panel, answers)
    return {"kind": "stat", "figures": made} if made else None


async def _bars(question: Question, panel: Panel, answers: Sequence[Answer]) -> Json | None:
    made = figures.bars(panel, answers, question.chosen)
    return {"kind": "bars", "bars": made} if made else None


async def _gauge(_: Question, panel: Panel, answers: Sequence[Answer]) -> Json | None:
    made = figures.gauges(panel, answers)
    return made and {"kind": "chart", "option": made}


KINDS: Final = {
    "bargauge": _bars,
    "gauge": _gauge,
    "heatmap": _heat,
    "stat": _stat,
    "table": _table,
    "timeseries": _graph,
}


def pace(question: Question, panel: Panel, target: Target) -> Steps:
    """The step of a query, from the pixels of its panel and the least step it names."""
    points = max(round(question.width * panel.place.w / 24) - MARGIN, 100)
    least = target.interval or panel.interval
    return steps(question.asked.length, points, min(least, question.finest or least))


async def _ask(question: Question, target: Target, pace: Steps) -> Answer:
    text = fill(target.expr, question.board, question.chosen, pace)
    if target.instant:
        return await question.server.at(text, question.asked.until)
    return await question.server.over(text, aligned(question.asked, pace.step), pace.step)


async def exemplars(question: Question, panel: Panel) -> Sequence[Exemplar]:
    """The traces of a panel; none where the server keeps none."""
    found: list[Exemplar] = []
    for target in panel.targets:
        if target.exemplar:
            filled = fill(
                target.expr, question.board, question.chosen, pace(question, panel, target)
            )
            try:
                found += await question.server.exemplars(filled, question.asked)
            except AskError:
                return ()  # an extra: the lines are there, and their own errors are shown
    return found


async def marks(question: Question) -> Sequence[Mark]:
    """What the dashboard's annotations mark; what fails is left out, since every panel has data."""

    async def one(annotation: Any) -> list[Mark]:
        pace = steps(question.asked.length, question.width, annotation.step)
        text = fill(annotation.expr, question.board, question.chosen, pace)
        try:
            asked = aligned(question.asked, pace.step)
            answer = await question.server.over(text, asked, pace.step)
        except AskError:
            return []
        return spans(replace(annotation, step=pace.step), answer)

    found = await asyncio.gather(*(one(annotation) for annotation in question.board.annotations))
    return [mark for marked in found for mark in marked][:MOST_MARKS]


async def choices(question: Question) -> dict[str, tuple[str, ...]]:
    """What each variable could be, one after the other, since each may ask for those before it.

    A variable whose query fails has no choices but what is chosen. Raises nothing.
    """
    lists: dict[str, tuple[str, ...]] = {}
    pace = steps(question.asked.length, question.width, 0)
    for variable in question.board.variables:
        if variable.kind != "query":
            continue
        chosen = replace(question.chosen, lists=lists)
        try:
            selector, label = label_values(fill(variable.query, question.board, chosen, pace))
            found = await question.server.values(label, selector, question.asked)
        except (AskError, ValueError):
            found = ()
        lists[variable.name] = tuple(sorted(found, reverse=variable.descending))
    return lists


def asks_lists(question: Question) -> bool:
    """Whether queries need the lists of choices: All without a pattern of its own."""
    return any(
        not one.every and "$__all" in question.chosen.of(one)
        for one in question.board.variables
        if one.kind == "query" and one.name != SOURCE
    )


def html(text: str) -> str:
    """Markdown as HTML; tags in it are text."""
    made: str = markdown2.markdown(
        text, safe_mode="escape", extras=["tables", "fenced-code-blocks", "cuddled-lists"]
    )
    return str(made)


def runbook_html(alert: str) -> str:
    """An alert's runbook; empty where it has none of ours.

    Links to other runbooks lead to their alerts, other links to the docs are only their words.
    """
    found = RUNBOOK_LINK.sub(r"[\1](/alerts?open=\2)", runbook(alert) or "")
    return html(DOCS_LINK.sub(r"\1", found)) if found else ""
