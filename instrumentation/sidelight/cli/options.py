"""The options of the commands that serve HTTP: where they listen, and who has access."""

from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def access_options(prefix: str, default_address: str, token_help: str) -> Decorator:
    """Add ``listen``, ``token_file``, ``hosts`` and ``insecure`` to a command.

    ``prefix`` is that of the environment variables, such as ``SIDELIGHT_VIEWER``.
    """
    options = (
        click.option(
            "--listen",
            default=default_address,
            envvar=f"{prefix}_LISTEN",
            metavar="ADDRESS:PORT",
            show_default=True,
            help="The address to listen on. An address other than loopback requires a token.",
        ),
        click.option(
            "--token-file",
            envvar=f"{prefix}_TOKEN_FILE",
            metavar="FILE",
            help=token_help,
        ),
        click.option(
            "--insecure",
            is_flag=True,
            envvar=f"{prefix}_INSECURE",
            help="Serve other machines without a token.",
        ),
        click.option(
            "--allowed-host",
            "hosts",
            multiple=True,
            callback=_names,
            envvar=f"{prefix}_ALLOWED_HOSTS",
            metavar="NAME",
            help="A host name that requests may use, besides localhost and IP addresses.",
        ),
    )

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _names(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Split the names that one environment variable lists, by commas or spaces."""
    return tuple(name for text in given for name in text.replace(",", " ").split())
