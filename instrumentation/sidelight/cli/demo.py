"""``sidelight demo``."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    help="The viewer's port on 127.0.0.1. 0 is 9465, or any free port if that is in use.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    help="The length of the demo; one scenario takes 7. [default: 60; one scenario with "
    "--headless]",
)
@click.option(
    "--headless",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Write screenshots of every page to DIR, in each step of the scenario.",
)
def demo(port: int, minutes: float | None, folder: str | None) -> None:
    """Run an example shop under a scripted load, with its dashboards. Ctrl-C stops it."""
    import asyncio

    from sidelight.embedded.viewer.settings import require_extra

    require_extra()
    from sidelight.embedded.demo import runner, screenshots

    if folder is not None:
        screenshots.check(folder)
    length = minutes or (60.0 if folder is None else runner.LENGTH / 60)
    asyncio.run(runner.run(port, length, None if folder is None else Path(folder)))
