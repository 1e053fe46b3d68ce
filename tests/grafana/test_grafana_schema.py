"""Every field of the dashboards is one that Grafana 11.6, 12.4 and 13.2 know."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.dashboards.reading import dashboards
from tests.grafana import known
from tests.grafana.file_faults import file_faults
from tests.grafana.names import names
from tests.grafana.schema_types import errors

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.xdist_group("grafana")]

PACKAGES = {
    "11.6": "@grafana/schema-11.6",
    "12.4": "@grafana/schema-12.4",
    "13.2": "@grafana/schema",
}
"""The package of each version of Grafana whose types are compared."""


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("version", PACKAGES)
def test_every_field_has_a_type(version: str, tmp_path: Path) -> None:
    """The types of @grafana/schema allow each field of each panel, and no field is left over."""
    known.check_exactly(
        set(errors(dashboards(), PACKAGES[version], tmp_path)), f"types of {version}"
    )


@pytest.mark.parametrize("version", PACKAGES)
def test_every_name_is_registered(browser: Browser, page: Path, version: str) -> None:
    """Each unit, transformation, matcher, reducer and colour mode is in Grafana's registries."""
    with browser.new_context() as context:
        tab = context.new_page()
        tab.add_script_tag(path=page / "registries.js")
        for kind, some in names(dashboards()).items():
            found = tab.evaluate("([v, k, n]) => unknown(v, k, n)", [version, kind, some])
            assert found == [], kind
            assert tab.evaluate("([v, k]) => unknown(v, k, ['nothing'])", [version, kind])


def test_units_and_links_of_the_files() -> None:
    """Counts have no decimals, requests are requests, and links are on the bar."""
    known.check_exactly({str(one) for board in dashboards() for one in file_faults(board)}, "files")
