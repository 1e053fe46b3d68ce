"""One Chromium for each run."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def chromium_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Chromium that ends with the run."""
    from tests.embedded.viewer.browsing import chromium

    with chromium(tmp_path_factory.mktemp("chromium")) as address:
        yield address


@pytest.fixture(scope="module")
def browser(chromium_address: str) -> Iterator["Browser"]:
    """A connection to Chromium. It ends with the module, since it occupies the event loop."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        connected = playwright.chromium.connect_over_cdp(chromium_address)
        yield connected
        connected.close()
