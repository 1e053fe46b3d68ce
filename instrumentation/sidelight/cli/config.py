"""``sidelight config``, which shows each setting, and where it comes from."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from sidelight.cli.table import table

if TYPE_CHECKING:
    from sidelight.settings import Settings

HEAD = ("setting", "value", "from")
ATTRIBUTES = {"service": "service.name", "service_version": "service.version"}
"""The resource attribute that a setting without a value has its value from."""


@click.command()
@click.argument("app", required=False)
def config(app: str | None) -> None:
    """Show each setting, and where it comes from.

    APP is MODULE:ATTRIBUTE, an application or a factory. It is imported, for the arguments of its
    SidelightMiddleware, which win over environment variables, and these over the file.
    """
    import os

    from sidelight.settings import disabled, load

    options = {} if app is None else _arguments(app)
    settings = load(options)
    click.echo(f"settings file: {settings.file}")
    if disabled():
        click.echo("SIDELIGHT_DISABLED turns everything off")
    click.echo(table([HEAD, *_rows(settings, options, os.environ)]), nl=False)
    if app is None:
        click.echo("arguments of the middleware: sidelight config MODULE:APP", err=True)


def _arguments(app: str) -> Mapping[str, Any]:
    from sidelight.doctor.application import middleware_of
    from sidelight.doctor.loading import load
    from sidelight.errors import SidelightError

    found = middleware_of(load(app))
    if not found:
        raise SidelightError(f"{app} has no SidelightMiddleware")
    return found[0].lifecycle.options


def _rows(
    settings: "Settings", options: Mapping[str, Any], environ: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    from sidelight.settings import FOR_RULES, OPTIONS, given

    assert settings.file is not None  # noqa: S101 for mypy: `load` has set it
    found = given(options, environ, settings.file)
    for key in OPTIONS:
        value = getattr(settings, key)
        source = found[key].source if key in found else "default"
        if key == "buckets":
            source += ", with thresholds and latencies"
        if key in ATTRIBUTES and value is None:
            value, source = _attribute(ATTRIBUTES[key], environ)
        yield key, _shown(key, value), source
    for key in FOR_RULES:
        if key in settings.file.table:
            for name, value in _flat(key, settings.file.table[key]):
                yield name, _shown(name, value), str(settings.file)


def _flat(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The keys of a table by their full names, so that no line is as long as the table."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(f"{key}.{name}", inner)
    elif isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
        yield from ((key, one) for one in value)
    else:
        yield key, value


def _attribute(name: str, environ: Mapping[str, str]) -> tuple[str | None, str]:
    """The value that OpenTelemetry's variables give to a resource attribute."""
    from sidelight.runtime.about import resource

    value = resource(environ).get(name)
    named = name == "service.name" and "OTEL_SERVICE_NAME" in environ
    variable = "OTEL_SERVICE_NAME" if named else "OTEL_RESOURCE_ATTRIBUTES"
    return value, variable if value else "default"


def _shown(key: str, value: Any) -> str:
    """A value as Python writes it; of a token, only that there is one."""
    return "..." if key == "metrics_token" and value else repr(value)
