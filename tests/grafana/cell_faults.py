"""What is wrong with a cell of a table or with the number of a tile."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

GREY: Final = 40
"""How far apart red, green and blue of a colour are at most that means nothing."""
OWN_JOB: Final = "prometheus"
"""A job that has `up` and CPU as services have, and is none."""
NO_NUMBER: Final = {"NaN", "∞", "-∞", "Infinity", "-Infinity"}
RAW_NAME: Final = re.compile(r"[a-z]+(_[a-z]+)+|Value( #[A-Z])?|Time")
"""The name of a label or of a query's values, which no person gave to a column."""


def of_column(column: Mapping[str, Any]) -> Iterator[str]:
    """The faults of a column, each once."""
    cells = column["cells"]
    empty = sum(cell["nothing"] and not cell["named"] for cell in cells)
    if cells and empty == len(cells):
        yield "empty column"
    elif empty * 2 > len(cells):
        yield "mostly empty column"
    if RAW_NAME.fullmatch(column["name"]):
        yield "column without a name of its own"
    for links in zip_longest(*(cell["links"] for cell in cells), fillvalue=""):
        yield from _of_links(links)
    found = (what for cell in cells for what in _of_cell(cell, coloured=column["coloured"]))
    yield from dict.fromkeys(found)


def _of_cell(cell: Mapping[str, Any], *, coloured: bool) -> Iterator[str]:
    text = cell["text"].strip()
    if cell["nothing"] and text and not cell["named"]:
        yield f"word in an empty cell: {text}"
    if isinstance(cell["value"], str) and not cell["nothing"] and text != cell["value"].strip():
        yield f"text that is written as a number: {text}"
    yield from of_value(cell, coloured=coloured)
    for link in cell["links"]:
        yield from _of_link(link, text if cell["nothing"] else "")


def of_value(value: Mapping[str, Any], *, coloured: bool = True) -> Iterator[str]:
    """The faults of a value, whose text has a colour or is as all texts are."""
    text = value["text"].strip()
    if value["nothing"] and text and coloured and not is_grey(value["color"]):
        yield f"colour of nothing: {value['color']} {text}"
    if text in NO_NUMBER:
        yield f"no number: {text}"
    if text == OWN_JOB:
        yield f"not a service: {text}"


def _of_link(link: str, word: str) -> Iterator[str]:
    if "$" in link.replace("=$__all", ""):
        yield f"link with a variable: {link}"
    if word and word in dict(parse_qsl(urlsplit(link).query)).values():
        yield f"link that carries the word: {word}"


def _of_links(links: Sequence[str]) -> Iterator[str]:
    """A parameter of a link that has a value in no row: its field is not there."""
    found = [dict(parse_qsl(urlsplit(link).query, keep_blank_values=True)) for link in links]
    for name in found[0] if found else ():
        if not any(one.get(name) for one in found):
            yield f"link without a value: {name}"


def is_grey(colour: str) -> bool:
    """Whether a colour says nothing; none is the colour of text."""
    found = re.fullmatch(r"#(..)(..)(..)", colour)
    if found is None:
        return not colour or colour == "text"
    channels = [int(part, 16) for part in found.groups()]
    return max(channels) - min(channels) <= GREY
