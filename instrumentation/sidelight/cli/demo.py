"""``sidelight demo``."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    help="Of the viewer, on 127.0.0.1; 0 is 9465 or any free one.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    help="How long; 60, or the story once with --headless.",
)
@click.option(
    "--headless",
    "folder",
    metavar="DIR",
    help="Write pictures of every page into DIR, in each part of the story.",
)
def demo(port: int, minutes: float | None, folder: str | None) -> None:
    """Show a shop that something happens to, in its dashboards. Ctrl-C stops it all."""
    import asyncio

    from sidelight.embedded.viewer.settings import need_extra

    need_extra()
    from sidelight.embedded.demo import play, shots, story

    if folder is not None:
        shots.check()
    length = minutes or (60.0 if folder is None else story.LENGTH / 60)
    asyncio.run(play.play(port, length, None if folder is None else Path(folder)))
