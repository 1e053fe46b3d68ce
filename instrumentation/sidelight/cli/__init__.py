"""The command ``sidelight``. Each of its commands imports only what it runs."""

import click

from sidelight.cli.config import config
from sidelight.cli.dashboards import dashboards
from sidelight.cli.demo import demo
from sidelight.cli.doctor import doctor
from sidelight.cli.mcp import mcp
from sidelight.cli.rules import rules
from sidelight.cli.servers import sidecar, viewer
from sidelight.cli.slow import slow
from sidelight.cli.top import top
from sidelight.cli.why import why
from sidelight.errors import SidelightError

EXTRAS = {
    "demo": "viewer",
    "mcp": "mcp",
    "rules": "rules",
    "sidecar": "sidecar",
    "top": "viewer",
    "viewer": "viewer",
    "why": "history",
}
"""The extra that each command needs."""


class Main(click.Group):
    """The group of all commands. An error that they raise is printed as one line."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. Raises `click.ClickException`."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # click handles a reader that has closed the pipe
            raise
        except ModuleNotFoundError as error:
            extra = EXTRAS.get(ctx.invoked_subcommand or "")
            if extra is None:
                raise
            fix = f"pip install 'sidelight[{extra}]'"
            raise click.ClickException(f"{error.name} is not installed: {fix}") from error
        except (SidelightError, OSError) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Main)
@click.version_option(package_name="sidelight", prog_name="sidelight")
def main() -> None:
    """See what a FastAPI service is doing, and why it is slow."""


for command in (config, dashboards, demo, doctor, mcp, rules, sidecar, slow, top, viewer, why):
    main.add_command(command)
