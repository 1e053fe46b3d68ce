"""The scenario of the demo in a real browser: an alert fires and is resolved."""

import re
import uuid
from pathlib import Path
from threading import Thread

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Browser, Page, expect

from tests.embedded.demo.running import demo, wait_for_table
from tests.embedded.viewer.browsing import IN_BROWSER

pytestmark = [
    pytest.mark.slow,
    *IN_BROWSER,
]

ALERT = "AvailabilityErrorBudgetBurn"
FIRES, RESOLVES = 240_000, 360_000
"""Milliseconds. The errors begin after 90 seconds, and an hour of the rules is 2 minutes."""


def test_an_alert_fires_and_is_resolved(tmp_path: Path, browser: Browser) -> None:
    """The alert fires while checkouts fail, and is resolved after that."""
    with demo(tmp_path, uuid.uuid4().hex) as process:
        output = wait_for_table(process)
        Thread(target=process.communicate, daemon=True).start()  # so that its output is read
        found = re.search(r"dashboards  (http://127\.0\.0\.1:\d+)", output)
        assert found
        page: Page = browser.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{found[1]}/alerts?refresh=5s")
        firing = page.locator('[data-state="firing"] .sl-alert', has_text=ALERT).filter(
            has=page.locator(".critical")
        )
        inactive = page.locator('[data-state="inactive"] .sl-alert', has_text=ALERT)
        expect(inactive).not_to_have_count(0)
        expect(firing).not_to_have_count(0, timeout=FIRES)
        expect(firing.first).to_contain_text("of the requests failed")
        expect(firing).to_have_count(0, timeout=RESOLVES)
        assert errors == []
