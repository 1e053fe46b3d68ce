"""Which groups and rules a request to ``rules`` asks for."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha1
from itertools import dropwhile
from typing import Final

from sidelight.embedded.api.parameters import (
    ApiParameters,
    invalid_parameter,
    matcher_sets,
    parse_int,
)
from sidelight.embedded.promql.limits import QueryLimits
from sidelight.embedded.promql.quoting import quote, replace_invalid_bytes
from sidelight.embedded.promql.storage import label_set_test
from sidelight.embedded.rules.evaluator import EvaluatedRule, RuleGroup

Chosen = tuple[RuleGroup, list[EvaluatedRule]]
_TYPES: Final = {"", "alert", "record"}
_FALSE: Final = {"", "0", "f", "false"}
_TRUE: Final = {"1", "t", "true"}
_TOKEN: Final = "group_next_token"  # noqa: S105 # no secret
_LIMIT: Final = "group_limit"


class RulesFilter:
    """The filter and the page of one request. Raises `QueryError`."""

    def __init__(self, params: ApiParameters, limits: QueryLimits) -> None:
        params.check_form()
        self._tests = [label_set_test(one) for one in matcher_sets(params, limits)]
        self._type = _lower(params.text("type"))
        if self._type not in _TYPES:
            raise invalid_parameter("type", f"not supported value {quote(self._type)}")
        self.exclude_alerts = _exclude_alerts(params)
        self._limit, self._token = _group_limit(params), params.text(_TOKEN)
        keys = ("rule_name", "rule_group", "file")
        self._names, self._groups, self._files = (set(params.texts(f"{key}[]")) for key in keys)

    def page(self, groups: Sequence[RuleGroup]) -> tuple[list[Chosen], str]:
        """Return groups with their rules, and the token of the next page; "" if there is none."""
        found = list(self._chosen(self._rest(in_order(groups))))
        if not self._limit or len(found) <= self._limit:
            return found, ""
        return found[: self._limit], _token(found[self._limit][0])

    def _rest(self, groups: list[RuleGroup]) -> list[RuleGroup]:
        """Return the groups from that of the token on."""
        if not self._token:
            return groups
        rest = list(dropwhile(lambda group: _token(group) != self._token, groups))
        if not rest:
            problem = f"invalid {_TOKEN} '{self._token}'. were rule groups changed?"
            raise invalid_parameter(_TOKEN, problem)
        return rest

    def _chosen(self, groups: Iterable[RuleGroup]) -> Iterator[Chosen]:
        for group in groups:
            found = [rule for rule in group.rules if self._accepts(rule)]
            named = _accepts(self._groups, group.definition.name)
            if found and named and _accepts(self._files, group.definition.file):
                yield group, found

    def _accepts(self, rule: EvaluatedRule) -> bool:
        mine = rule.definition
        return (
            self._type in {"", mine.kind}
            and _accepts(self._names, mine.name)
            and (not self._tests or any(test(mine.labels) for test in self._tests))
        )


def in_order(groups: Iterable[RuleGroup]) -> list[RuleGroup]:
    """Return groups as Prometheus lists them."""
    return sorted(groups, key=lambda group: (group.definition.file, group.definition.name))


def _accepts(names: set[str], name: str) -> bool:
    return not names or name in names


def _lower(text: str) -> str:
    """As Go's ``strings.ToLower``, which also replaces bytes that are not UTF-8."""
    return replace_invalid_bytes(text).lower()


def _exclude_alerts(params: ApiParameters) -> bool:
    name = "exclude_alerts"
    given = _lower(params.text(name))
    if given not in _FALSE | _TRUE:
        problem = f"strconv.ParseBool: parsing {quote(given)}: invalid syntax"
        raise invalid_parameter(name, f"error converting {name}: {problem}")
    return given in _TRUE


def _group_limit(params: ApiParameters) -> int:
    """Return the most groups of a page; 0 if all are wanted."""
    if not params.text(_LIMIT):
        if params.text(_TOKEN):
            problem = f"{_LIMIT} needs to be present in order to paginate over the groups"
            raise invalid_parameter(_TOKEN, problem)
        return 0
    try:
        found = parse_int(params.text(_LIMIT), "ParseInt", 32)
    except ValueError as why:
        raise invalid_parameter(_LIMIT, f"{_LIMIT} needs to be a valid number: {why}") from None
    if found <= 0:
        raise invalid_parameter(_LIMIT, f"{_LIMIT} needs to be greater than 0")
    return found


def _token(group: RuleGroup) -> str:
    """Return what names a group in Prometheus's API."""
    text = f"{group.definition.file};{group.definition.name}"
    return sha1(text.encode(), usedforsecurity=False).hexdigest()
