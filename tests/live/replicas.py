"""Two Prometheus that scrape the same and write to a third, set up as docs/scale.md says."""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.live.newer import ROOT
from tests.live.prometheus import prometheus

SOON = {"batch_send_deadline": "200ms"}
"""Without it a queue waits for five seconds."""
Config = Mapping[str, Any]


class Receiver(NamedTuple):
    """The port of the third; ``first`` ends one of the two when it is closed."""

    port: int
    first: ExitStack


def documented() -> list[dict[str, Any]]:
    """The configurations on the page: of one of the two, and of the third."""
    page = (ROOT / "docs" / "scale.md").read_text()
    (section,) = re.findall(r"### Two replicas(.+?)\n##", page, re.DOTALL)
    return [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)]


@contextmanager
def replicas(where: Path, scrape: Config, more: Config, *options: str) -> Iterator[Receiver]:
    """All three, each with its data in a folder; ``more`` configures the third beside the page."""
    of_replica, of_receiver = documented()
    with ExitStack() as parts:
        folders = [where / name for name in ("receiver", "a", "b")]
        for folder in folders:
            folder.mkdir()
        receives = "--web.enable-remote-write-receiver"
        text = yaml.safe_dump({**of_receiver, **more})
        port = parts.enter_context(prometheus(text, folders[0], receives, *options))
        (write,) = of_replica["remote_write"]
        write.update(url=f"http://127.0.0.1:{port}/api/v1/write", queue_config=SOON)
        first = parts.enter_context(ExitStack())
        for folder, part in zip(folders[1:], (first, parts), strict=True):
            labels = {"external_labels": {"replica": folder.name}}
            config = {**scrape, "global": {**scrape["global"], **labels}, "remote_write": [write]}
            part.enter_context(prometheus(yaml.safe_dump(config), folder))
        yield Receiver(port, first)
