"""What ``sidelight rules`` does, without its command line."""

from collections.abc import Iterator
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

from sidelight.doctor.finding import Finding, ok, warn
from sidelight.errors import SettingsError, SidelightError
from sidelight.settings import from_file, from_folder
from sidelight.slo import against, objectives, promtool, rules
from sidelight.slo.objectives import Service
from sidelight.slo.plan import Plan

DEFAULT_FILE = "sidelight.yml"


def service(config: str | None) -> Service:
    """The service of a file of settings, or of the working directory's own."""
    if config is None:
        return objectives.read(from_folder(Path.cwd()))
    file = Path(config)
    if not file.is_file():
        raise SettingsError("--config", config, "is no file", "--config sidelight.toml")
    return objectives.read(from_file(file))


def known_by(of: Service) -> dict[str, str]:
    """The labels that a service's samples must have for its rules to find them."""
    return {
        one.label: one.text.replace('\\"', '"').replace("\\\\", "\\")
        for one in of.selector.matchers
        if one.operator == "=" and one.text
    }


def scale(given: str) -> Fraction:
    """``1/60``, ``0.1`` or ``1``."""
    try:
        found = Fraction(given)
    except (ValueError, ZeroDivisionError):
        found = Fraction(0)
    if not 0 < found <= 1:
        raise SettingsError("--scale", given, "must be above 0 and at most 1", "--scale 1/60")
    return found


def build(of: Service, form: rules.Format, times: Fraction) -> str:
    """The text of a file of rules."""
    try:
        return rules.text(Plan(of, times), form)
    except ModuleNotFoundError as error:
        raise SidelightError(
            "rules are written by PyYAML: pip install 'sidelight[rules]'"
        ) from error


def check(of: Service, source: str | None, token: str | None) -> Iterator[Finding]:
    """Our own remarks, promtool's, and those of a running service's page."""
    text = build(of, "prometheus", Fraction(1))
    yield ok(f"{len(of.objectives)} objectives of {of.name or 'every job'}")
    for remark in objectives.remarks(of):
        yield warn(remark, "an objective closer to 100%, or the slower alerts alone")
    yield from promtool.check(text)
    if source is not None:
        yield from against.check(of, against.parse(against.load(source, token)))


def export(folder: str, but: tuple[str, ...]) -> Path:
    """Write the rules of services without objectives, except of jobs that have some."""
    text = files("sidelight.slo").joinpath(DEFAULT_FILE).read_text("utf-8")
    if but:
        text = build(objectives.default(*but), "prometheus", Fraction(1))
    file = Path(folder) / DEFAULT_FILE
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    except OSError as error:
        raise SidelightError(f"{file}: {error}") from error
    return file
