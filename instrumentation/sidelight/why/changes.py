"""What changed within the last hour: versions, and workers that started."""

from collections.abc import Iterable, Iterator

from sidelight.why.answers import Answers
from sidelight.why.figures import duration, number
from sidelight.why.report import Sentence
from sidelight.why.source import Sample


def changes(answers: Answers) -> Iterator[Sentence]:
    """A sentence for each change; one that says so where there is none."""
    found = [*_versions(answers), *_starts(answers)]
    if not found and answers.now("youngest"):
        span = duration(answers.scope.now - answers.scope.before)
        found = [Sentence(f"No worker started within the last {span}.", answers.text("youngest"))]
    yield from found


def _versions(answers: Answers) -> Iterator[Sentence]:
    now, before = map(_named, (answers.now("versions"), answers.before("versions")))
    for job, version in sorted(now - before):
        old = sorted(name for of, name in before if of == job)
        if old:
            text = f"The version {version} of {job} is new; {answers.scope.ago} there was "
            yield Sentence(f"{text}{' and '.join(old)}.", answers.text("versions"))


def _named(samples: Iterable[Sample]) -> set[tuple[str, str]]:
    """The versions that have a name, each with its job."""
    pairs = ((s.labels.get("job", ""), s.labels.get("service_version", "")) for s in samples)
    return {(job, version) for job, version in pairs if version}


def _starts(answers: Answers) -> Iterator[Sentence]:
    for started in answers.now("started"):
        age = answers.value("youngest", started.labels)
        workers = f"{number(started.value)} worker{'s' if started.value > 1 else ''}"
        text = f"{workers} of {started.labels.get('job', '')} started within the last "
        span = duration(answers.scope.now - answers.scope.before)
        yield Sentence(f"{text}{span}, the last {duration(age)} ago.", answers.text("started"))
