"""`sidelight doctor --prometheus` with a real Prometheus."""

from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner

from sidelight.cli import main
from sidelight.doctor.scrapes import check_scrapes
from tests.live.prometheus import prometheus, query
from tests.live.servers import eventually
from tests.serving import serving

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.newest]


class Metrics(BaseHTTPRequestHandler):
    """One histogram of a service."""

    text: ClassVar[bytes] = b"""\
# TYPE sidelight_build_info gauge
sidelight_build_info 1
# TYPE http_server_request_duration_seconds histogram
http_server_request_duration_seconds_bucket{http_route="/",le="0.1"} 1
http_server_request_duration_seconds_bucket{http_route="/",le="+Inf"} 2
http_server_request_duration_seconds_sum{http_route="/"} 1
http_server_request_duration_seconds_count{http_route="/"} 2
"""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(self.text)

    def log_message(self, *_: object) -> None: ...


RULES = """\
global: {{scrape_interval: 300ms, scrape_timeout: 300ms}}
rule_files: [own.yml, all.yml]
scrape_configs:
  - job_name: shop
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@pytest.mark.parametrize("but", [(), ("--except", "shop")], ids=["twice", "once"])
def test_the_default_rules_beside_the_services_own(but: tuple[str, ...], tmp_path: Path) -> None:
    """A job with rules of its own is named, until the default rules leave it out."""
    (tmp_path / "sidelight.toml").write_text('service = "shop"\n')
    config = ("--config", str(tmp_path / "sidelight.toml"))
    for name, options in (("own", config), ("all", ("--all-jobs", *but))):
        file = ("--scale", "1/60", "--output", str(tmp_path / f"{name}.yml"))
        assert CliRunner().invoke(main, ["rules", "build", *options, *file]).exit_code == 0
    with serving(Metrics) as target, prometheus(RULES.format(port=target), tmp_path) as port:
        recorded = "service:http_server_requests:rate5m"
        eventually(lambda: query(port, recorded))
        found = [one for one in check_scrapes(f"http://127.0.0.1:{port}") if one.level == "warn"]
    fix = "sidelight rules build --all-jobs --except shop"
    assert [one.fix for one in found] == ([] if but else [fix])
