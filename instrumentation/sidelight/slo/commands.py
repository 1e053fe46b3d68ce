"""The sub-commands of ``sidelight rules``, without their command line."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from sidelight import settings_file
from sidelight.doctor.finding import Finding, fail, ok, warn
from sidelight.errors import SettingsError
from sidelight.settings_file import SettingsFile
from sidelight.slo import config, objectives, rules, service_check
from sidelight.slo.context import RuleContext
from sidelight.slo.objectives import ServiceConfig

PROMTOOL_TIMEOUT = 60


def service(path: str | None) -> ServiceConfig:
    """The service of a file of settings. Raises `SettingsError` where none is named."""
    file = configuration(path)
    found = config.read(file.table)
    if found.name is None:
        problem = (
            f"is missing; settings file: {file}. For the rules of one service, name its file with "
            f"--config FILE or {settings_file.CONFIG}=FILE; for the default rules, add --all-jobs"
        )
        raise SettingsError("service", None, problem, 'service = "shop"')
    return found


def every_job(path: str | None, but: tuple[str, ...]) -> ServiceConfig:
    """Every job as a service without objectives, except for the jobs ``but``."""
    return config.every_job(configuration(path).table, but)


def configuration(path: str | None) -> SettingsFile:
    """The file of settings that the option names, or that a service started here would read."""
    return settings_file.named("--config", path) if path else settings_file.find(os.environ)


def labels_of(of: ServiceConfig) -> dict[str, str]:
    """The labels that a service's samples must have for its rules to match them."""
    return {
        one.label: one.text.replace('\\"', '"').replace("\\\\", "\\")
        for one in of.selector.matchers
        if one.operator == "=" and one.text
    }


def scale(given: str) -> Fraction:
    """``1/60``, ``0.1`` or ``1``. Raises `SettingsError`."""
    try:
        found = Fraction(given)
    except (ValueError, ZeroDivisionError):
        found = Fraction(0)
    if not 0 < found <= 1:
        raise SettingsError("--scale", given, "must be above 0 and at most 1", "--scale 1/60")
    return found


def build(of: ServiceConfig, form: rules.Format, times: Fraction, *, native: bool = True) -> str:
    """The text of a file of rules; ``native`` is whether they read native histograms too.

    Raises `ModuleNotFoundError` without the extra.
    """
    return rules.text(RuleContext(of, times, native), form)


def remarks(of: ServiceConfig) -> Iterator[Finding]:
    """What the rules lack: alerts that could never fire, and addresses."""
    for sentence in objectives.impossible_burn_rates(of):
        yield warn(sentence, "set an objective closer to 100%, or rely on the slower alerts")
    for sentence, setting in objectives.placeholders(of):
        yield warn(sentence, setting)


def check(of: ServiceConfig, source: str | None, token: str | None) -> Iterator[Finding]:
    """Findings about the objectives, the rules (by promtool), and a running service's metrics."""
    text = build(of, "prometheus", Fraction(1))
    yield ok(f"{len(of.objectives)} objectives of {of.name}")
    yield from remarks(of)
    yield from _check_by_promtool(text)
    if source is not None:
        yield from service_check.check(of, service_check.parse(service_check.load(source, token)))


def _check_by_promtool(text: str) -> Iterator[Finding]:
    """Run ``promtool check rules`` on the text of a file of rules."""
    promtool = shutil.which("promtool")
    if promtool is None:
        what = "promtool is not installed: the rules were not checked by Prometheus"
        yield warn(what, "install promtool, which is part of Prometheus")
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rules.yml"
        file.write_text(text, "utf-8")
        yield _run_promtool([promtool, "check", "rules", str(file)])


def _run_promtool(command: list[str]) -> Finding:
    try:
        done = subprocess.run(  # noqa: S603 a tool on the user's own PATH
            command, capture_output=True, text=True, check=False, timeout=PROMTOOL_TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return fail(f"promtool did not run: {error}", "promtool --version")
    if done.returncode:
        output = (done.stdout + done.stderr).strip()
        return fail(f"promtool refuses the rules:\n{output}", "report this as a bug of Sidelight")
    return ok("promtool accepts the rules")
