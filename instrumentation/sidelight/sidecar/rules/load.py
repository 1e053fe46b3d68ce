"""Where rules come from: files, or the service's own settings."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sidelight.errors import SettingsError
from sidelight.settings import from_folder
from sidelight.sidecar.rules.definition import EXAMPLE, Group, groups
from sidelight.slo import objectives, rules
from sidelight.slo.objectives import Service
from sidelight.slo.plan import Plan

OWN = "sidelight.toml"
MOST_BYTES = 8 << 20


def of_files(files: Sequence[str]) -> Iterator[Group]:
    """All groups of these files. Raises `SettingsError`."""
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415 not needed without files

    for file in files:
        try:
            with Path(file).open("rb") as opened:
                found = yaml.safe_load(opened.read(MOST_BYTES))
        except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
            raise SettingsError("rules", file, f"can't be read: {error}", EXAMPLE) from error
        yield from groups(file, found)


def service() -> Service:
    """The service of the working directory's settings. Raises `SettingsError`."""
    return objectives.read(from_folder(Path.cwd()))


def of_service(of: Service) -> list[Group]:
    """Recording rules and alerts of its objectives."""
    return list(groups(OWN, {"groups": rules.groups(Plan(of))}))
