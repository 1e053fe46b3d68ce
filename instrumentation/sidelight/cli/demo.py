"""``sidelight demo``."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    help="The viewer's port on 127.0.0.1; 0 is 9465, or any free port if that is in use.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    help="How long the demo runs. [default: 60, or one cycle with --headless]",
)
@click.option(
    "--headless",
    "folder",
    metavar="DIR",
    help="Write screenshots of all pages into DIR, in each part of the cycle.",
)
def demo(port: int, minutes: float | None, folder: str | None) -> None:
    """Show the dashboards of an example shop that has incidents. Ctrl-C stops it."""
    import asyncio

    from sidelight.embedded.viewer.settings import need_extra

    need_extra()
    from sidelight.embedded.demo import play, shots, story

    if folder is not None:
        shots.check()
    length = minutes or (60.0 if folder is None else story.LENGTH / 60)
    asyncio.run(play.play(port, length, None if folder is None else Path(folder)))
