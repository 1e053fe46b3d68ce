"""A hook of mkdocs: links that leave ``docs/`` lead to the files of the repository."""

import posixpath
import re
from typing import Any

LINK = re.compile(r"(\]\()(\.\./[^)\s]+)(\))")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Replace relative addresses outside of ``docs/`` by those of the public repository."""
    folder = posixpath.join("docs", posixpath.dirname(page.file.src_uri))

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, match[2]))
        if target.startswith("docs/"):
            return match[0]
        return f"{match[1]}{config.repo_url.rstrip('/')}/blob/main/{target}{match[3]}"

    return LINK.sub(link, markdown)
