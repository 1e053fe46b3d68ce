"""What `sidelight doctor --prometheus` says of histograms, by version, features and options."""

import itertools
import json
import re
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from sidelight.doctor.scrape_options import (
    DEFAULTS,
    PROTOBUF_FIRST,
    PrometheusServer,
    ScrapeOptions,
)
from sidelight.doctor.scrapes import check_scrapes
from tests.doctor.fake_prometheus import Prometheus
from tests.doctor.histogram_table import FEATURES, OPTIONS, jobs
from tests.live.newer import ROOT

pytest.importorskip("yaml")

FLAG = "--enable-feature=native-histograms"
NATIVE = "native-histograms"
ALWAYS = {"always_scrape_classic_histograms": True}
SCRAPE = {"scrape_native_histograms": True}
PROTOBUF = {"scrape_protocols": ["PrometheusProto", "PrometheusText0.0.4"]}
TEXT = {"scrape_protocols": ["PrometheusText0.0.4"]}
NHCB = {"convert_classic_histograms_to_nhcb": True}
SHOP = {"metric": {"job": "shop"}, "value": [0, "1"]}


def native(*ends: float) -> dict[str, Any]:
    """A native histogram of the job, with one bucket between each two ends."""
    buckets = [[0, str(low), str(high), "1"] for low, high in itertools.pairwise(ends)]
    return {"metric": {"job": "shop"}, "histogram": [0, {"count": "1", "buckets": buckets}]}


EXPONENTIAL = native(2**-3.5, 2**-3.375)
CUSTOM = native(0.1, 0.25, 0.5)


def options(version: tuple[int, int], features: str, **given: Any) -> ScrapeOptions:
    return ScrapeOptions(PrometheusServer(version, frozenset(features.split(","))), given)


@pytest.mark.parametrize(
    ("version", "features", "given", "expected"),
    [
        ((2, 39), "", {}, "classic"),
        ((2, 45), NATIVE, {}, "native"),
        ((2, 45), NATIVE, {"scrape_classic_histograms": True}, "classic native"),
        ((2, 52), "", PROTOBUF | {"scrape_classic_histograms": True}, ""),
        ((2, 53), "", PROTOBUF | {"scrape_classic_histograms": True}, "classic"),
        ((3, 7), "", PROTOBUF | SCRAPE, ""),
        ((3, 7), "created-timestamp-zero-ingestion", NHCB, ""),
        ((3, 8), "created-timestamp-zero-ingestion", NHCB, "NHCB"),
        ((3, 8), "", PROTOBUF, "classic"),
        ((3, 8), "", PROTOBUF | SCRAPE, "native"),
        ((3, 8), "", PROTOBUF | SCRAPE | NHCB | ALWAYS, "classic native"),
        ((3, 8), "", TEXT | SCRAPE | NHCB, "NHCB"),
        ((3, 9), NATIVE, TEXT, "classic"),
    ],
)
def test_versions_that_can_not_be_run_here(
    version: tuple[int, int], features: str, given: Mapping[str, Any], expected: str
) -> None:
    """Of a service with native histograms arrives what Prometheus's change log says."""
    stored = options(version, features, **given).stored(native=True)
    assert sorted(stored) == sorted(expected.split())


@pytest.mark.parametrize(
    ("version", "features", "given", "lines"),
    [
        ((2, 45), "", {}, [FLAG, "scrape_classic_histograms: true"]),
        ((3, 5), "", {"scrape_protocols": DEFAULTS[2]}, [FLAG, *ALWAYS]),
        ((3, 5), "", TEXT, [FLAG, PROTOBUF_FIRST, *ALWAYS]),
        ((3, 5), NATIVE, PROTOBUF, [*ALWAYS]),
        ((3, 5), NATIVE, {"scrape_protocols": DEFAULTS[2]} | ALWAYS, [PROTOBUF_FIRST]),
        ((3, 8), "", {"scrape_protocols": DEFAULTS[2]}, [*SCRAPE, *ALWAYS]),
        ((3, 9), NATIVE, {"scrape_protocols": DEFAULTS[2]} | ALWAYS, [*SCRAPE]),
        ((4, 0), "", PROTOBUF | SCRAPE | ALWAYS, []),
    ],
)
def test_the_lines_that_are_missing(
    version: tuple[int, int], features: str, given: Mapping[str, Any], lines: list[str]
) -> None:
    """They are those of the version, and no line that has no effect."""
    found = options(version, features, **given).lines_for_both()
    assert [line.removesuffix(": true") for line in found] == [
        line.removesuffix(": true") for line in lines
    ]


@pytest.fixture
def shop(prometheus: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A Prometheus 3.5 that scrapes one job."""
    monkeypatch.setattr(Prometheus, "version", "3.5.3")
    configure(monkeypatch, {})
    return prometheus


def configure(
    monkeypatch: pytest.MonkeyPatch, given: Mapping[str, Any], name: str = "shop"
) -> None:
    """The options of the one job."""
    config = {"scrape_configs": [{"job_name": name, **given}]}
    monkeypatch.setattr(Prometheus, "config", json.dumps(config))


def said(url: str, monkeypatch: pytest.MonkeyPatch, **found: Any) -> list[str]:
    """The findings about histograms, where queries have found this."""
    monkeypatch.setattr(
        Prometheus, "found", {"build": [SHOP], **{kind: [one] for kind, one in found.items()}}
    )
    return [
        f"{one.level}: {one.what}" + (f" -> {one.fix}" if one.fix else "")
        for one in check_scrapes(url)
        if "histogram" in one.what
    ]


LOST = "rules and alerts have no latencies, error ratios or request rates of it"


def test_classic_histograms(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are enough, and the lines for native ones are named."""
    assert said(shop, monkeypatch, classic=SHOP) == [
        (
            "ok: the job 'shop' has classic histograms; for native ones too: "
            f"{FLAG}, always_scrape_classic_histograms: true, SIDELIGHT_NATIVE_HISTOGRAMS=1"
        )
    ]


def test_both(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is missing."""
    assert said(shop, monkeypatch, classic=SHOP, native=EXPONENTIAL) == [
        "ok: the job 'shop' has classic and native histograms"
    ]


def test_no_classic_histograms(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Native ones and converted ones differ in their buckets."""
    lacks = "percentiles, mean phases and upstreams in the dashboards have no data of it"
    none = f"{lacks} -> always_scrape_classic_histograms: true"
    assert said(shop, monkeypatch, native=EXPONENTIAL) == [
        f"warn: the job 'shop' has native histograms only: {none}"
    ]
    assert said(shop, monkeypatch, native=CUSTOM) == [
        (
            "warn: the histograms of the job 'shop' are converted to native ones (NHCB): "
            f"{none}, or no convert_classic_histograms_to_nhcb: true"
        )
    ]


def test_no_classic_histograms_of_what_is_not_scraped(
    shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The options of a job have no effect on what OTLP sends, so none is named."""
    configure(monkeypatch, {}, "bank")
    for found in (EXPONENTIAL, CUSTOM):
        (one,) = said(shop, monkeypatch, native=found)
        assert one.partition(" -> ")[2] == (
            "docs/histograms.md says what keeps classic ones, also of what OTLP sends"
        )


def test_nothing_because_of_the_conversion(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prometheus without native histograms drops what it has converted."""
    configure(monkeypatch, NHCB)
    assert said(shop, monkeypatch) == [
        (
            "fail: Prometheus converts the histograms of the job 'shop' to native ones (NHCB), and "
            f"stores none: {LOST} -> always_scrape_classic_histograms: true, or no "
            "convert_classic_histograms_to_nhcb: true"
        )
    ]


def test_nothing_because_of_protobuf(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fix is named before histograms have native buckets, and after."""
    configure(monkeypatch, PROTOBUF)
    asks, fix = "the job 'shop' asks for protobuf, and Prometheus", f"_histograms: true, or {FLAG}"
    assert said(shop, monkeypatch, classic=SHOP) == [
        (
            f"warn: {asks} stores no native histograms: with SIDELIGHT_NATIVE_HISTOGRAMS=1 its "
            f"histograms would vanish without a log line -> always_scrape_classic{fix}"
        )
    ]
    assert said(shop, monkeypatch, served=SHOP) == [
        f"fail: {asks} drops its native histograms: {LOST} -> always_scrape_classic{fix}"
    ]
    monkeypatch.setattr(Prometheus, "version", "2.49.1")
    assert [one.split(" -> ")[1] for one in said(shop, monkeypatch, served=SHOP)] == [FLAG]


def test_nothing_for_another_reason(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service without requests has no histograms; with requests they are dropped elsewhere."""
    assert said(shop, monkeypatch) == [
        "ok: the job 'shop' has no histograms yet: it has served no request"
    ]
    assert said(shop, monkeypatch, served=SHOP) == [
        (
            f"fail: no histogram of the job 'shop' arrives: {LOST} -> "
            "keep http_server_request_duration_seconds.* in metric_relabel_configs"
        )
    ]


def test_a_job_that_is_refused(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named although no target of it was ever scraped."""
    configure(monkeypatch, NHCB, "bank")
    monkeypatch.setattr(Prometheus, "features", "created-timestamp-zero-ingestion")
    assert said(shop, monkeypatch, classic=SHOP)[0] == (
        "fail: Prometheus refuses the targets of the job 'bank': before version 3.8 it can't both "
        "convert histograms (NHCB) and ingest zeros at start timestamps -> no "
        "convert_classic_histograms_to_nhcb: true, or --enable-feature without "
        "created-timestamp-zero-ingestion"
    )


def test_prometheus_2_42(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without native histograms it is right, and with them no option helps."""
    monkeypatch.setattr(Prometheus, "version", "2.42.0+ds")
    assert said(shop, monkeypatch, classic=SHOP) == ["ok: the job 'shop' has classic histograms"]
    monkeypatch.setattr(Prometheus, "features", f"exemplar-storage,{NATIVE}")
    for found in ({"classic": SHOP}, {"native": EXPONENTIAL}):
        assert said(shop, monkeypatch, **found) == [
            (
                "warn: Prometheus 2.42 stores native histograms of the job 'shop' without classic "
                "ones, and drops what rules record of them off and on -> no "
                "SIDELIGHT_NATIVE_HISTOGRAMS=1, or Prometheus 3.5 or later"
            )
        ]


def test_the_name_of_a_job_is_not_that_of_its_configuration(
    shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The options of a job are found by its targets, as under the Prometheus operator."""
    name = "podMonitor/shop/shop/0"
    configure(monkeypatch, NHCB, name)
    target = {"labels": {"job": "shop"}, "scrapePool": name, "health": "up"}
    monkeypatch.setattr(Prometheus, "targets", [target])
    assert said(shop, monkeypatch)[0].startswith("fail: Prometheus converts the histograms")


def test_without_a_configuration(prometheus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a store that has none, or an unreadable one, the series alone are told."""
    for config in ("", "scrape_configs: [", "- 1", "scrape_configs: [1]"):
        monkeypatch.setattr(Prometheus, "config", config)
        assert said(prometheus, monkeypatch, classic=SHOP) == [
            "ok: the job 'shop' has classic histograms"
        ]


def test_without_pyyaml(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra that is missing is named."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    monkeypatch.setattr(Prometheus, "found", {"build": [SHOP], "classic": [SHOP]})
    what = "the configuration of Prometheus is not checked: there is no PyYAML"
    assert [one[:3] for one in check_scrapes(shop) if one.level != "ok"] == [
        ("warn", what, "pip install 'sidelight[rules]'")
    ]


@pytest.mark.parametrize("version", ["2.42", "3.5"])
def test_nothing_is_lost_without_a_word(version: str) -> None:
    """In the table of what real ones do, a job has a finding that fails if it has no histograms."""
    for job in jobs(version):
        assert job.begins.startswith("fail") is (not job.kinds), job


def test_the_documented_table() -> None:
    """Each row of Prometheus 2.42 and 3.5 in `docs/histograms.md` is one that real ones confirm."""
    text = (ROOT / "docs" / "histograms.md").read_text()
    rows = re.findall(r"^\| (2\.42|3\.5) \|(.*)\|$", text, re.MULTILINE)
    assert len(rows) == 14
    for version, row in rows:
        features, given, *kinds = row.split("|")
        for native, cell in enumerate(kinds):
            (job,) = (
                job
                for job in jobs(version)
                if job.native == native
                and set(job.features) == {key for key, name in FEATURES.items() if name in features}
                and set(job.options) == {key for key, line in OPTIONS.items() if line in given}
            )
            assert sorted(job.kinds) == sorted(re.findall("classic|native|NHCB", cell)), row
