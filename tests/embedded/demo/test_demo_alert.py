"""The demo's own story in a real browser: an alert comes, and goes."""

import re
import uuid
from pathlib import Path
from threading import Thread

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Page, expect

from tests.embedded.demo.running import demo, until_the_load
from tests.embedded.viewer.browsing import chromium

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(900)]

ALERT = "AvailabilityErrorBudgetBurn"
COMES, GOES = 240_000, 360_000
"""Milliseconds: the error begins after a minute and a half, and its hour is two minutes."""


def test_an_alert_appears_and_resolves(tmp_path: Path) -> None:
    """While checkouts fail the alert of it fires on the page; once they don't, it ends."""
    with demo(tmp_path, uuid.uuid4().hex) as process, chromium() as browser:
        said = until_the_load(process)
        Thread(target=process.communicate, daemon=True).start()  # so that it can go on talking
        found = re.search(r"dashboards  (http://127\.0\.0\.1:\d+)", said)
        assert found
        page: Page = browser.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{found[1]}/alerts?refresh=5s")
        firing = page.locator('[data-state="firing"] .sl-alert', has_text=ALERT).filter(
            has=page.locator(".critical")
        )
        quiet = page.locator('[data-state="inactive"] .sl-alert', has_text=ALERT)
        expect(quiet).not_to_have_count(0)
        expect(firing).not_to_have_count(0, timeout=COMES)
        expect(firing.first).to_contain_text("of the requests failed")
        expect(firing).to_have_count(0, timeout=GOES)
        assert wrong == []
