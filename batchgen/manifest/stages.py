"""Previews and finals: one row makes a job that shows what it will be, and the job itself, which waits for approval."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from batchgen.errors import Problem
from batchgen.manifest.key import key, named
from batchgen.manifest.rendered_row import CHECKS, RenderedRow, Written
from batchgen.model import InputImage, Job, JobImage
from batchgen.yaml_tree import Node

if TYPE_CHECKING:
    from batchgen.manifest.checked import Checked

PREVIEW, FINAL = "preview", "final"
TAG = "stage"
"""The tag that tells previews from finals in the report."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What one of the two asks for, instead of what the job does: words of a request, as text.

    `written` is where they stand; `lacking` are words that it was to ask for and does not, as they are wrong.
    """

    name: str
    texts: Mapping[str, str]
    lacking: frozenset[str] = frozenset()
    written: Written = ()
    _places: dict[int, Written] = field(default_factory=dict, repr=False, compare=False)

    def draft(self, draft: RenderedRow) -> RenderedRow:
        """Return the draft as this stage asks for it."""
        inherited = draft.inherited.difference(self.texts)
        texts, lacking = {**draft.texts, **self.texts}, draft.lacking | self.lacking
        template = named(draft.template, self.texts)
        written = self._where(draft.written)
        return draft._replace(texts=texts, inherited=inherited, lacking=lacking, written=written, template=template)

    def _where(self, written: Written) -> Written:
        """Where the fields of a draft stand: one value for all drafts of an entry of `jobs`, which keeps its own."""
        if id(written) not in self._places:
            self._places[id(written)] = tuple({**dict(written), **dict(self.written)}.items())
        return self._places[id(written)]

    def job(self, job: Job, preview: str | None) -> Job:
        """Return the job as this stage names it: a preview has an id and a folder of its own, a final waits for it."""
        tags = job.tags if TAG in dict(job.tags) else (*job.tags, (TAG, self.name))
        return _preview(replace(job, tags=tags)) if self.name == PREVIEW else replace(job, tags=tags, after=preview)


def name_of(job_id: str) -> str:
    """Return the id of a job's preview."""
    return f"{job_id}.{PREVIEW}"


def meant(text: str, *jobs: Job) -> str:
    """Return an id or a path as the manifest means it: where all jobs are previews, that of the job itself."""
    if not all(job.preview for job in jobs):
        return text
    return text.removesuffix(name_of("")).removeprefix(f"{PREVIEW}/")


def _preview(job: Job) -> Job:
    request = job.request
    images = tuple(_of_preview(image) for image in request.images)
    shown = replace(request, images=images, mask=request.mask and _of_preview(request.mask))
    explicit = name_of(job.id) if job.explicit_id else None
    identity = key(shown, explicit)
    name, stems = explicit or identity[:12], job.stems.below(PREVIEW)
    return replace(job, id=name, key=identity, request=shown, stems=stems, listing=None, preview=True)


def _of_preview(image: InputImage) -> InputImage:
    """Let a preview take the previews of the jobs that its job takes images of."""
    return replace(image, job_id=name_of(image.job_id)) if isinstance(image, JobImage) else image


def stages(found: "Checked", root: Node, problems: list[Problem]) -> tuple[Stage, ...]:
    """Give the stages of a manifest, the preview first; none without `stages`. What is wrong is added to `problems`."""
    form = found.form.stages
    if form is None:
        return ()
    staged = []
    for name, stage in ((PREVIEW, form.preview), (FINAL, form.final)):
        texts = {word: text for word, text in (dict(stage) if stage else {}).items() if text and not text.isspace()}
        wrong = dict(_wrong(name, texts, root))
        problems += wrong.values()
        right = {word: text for word, text in texts.items() if word not in wrong}
        written = tuple((word, root.at("stages", name, word).place) for word in right)
        staged.append(Stage(name, right, found.lacking.get(name, frozenset()).union(wrong), written))
    return tuple(staged)


def _wrong(stage: str, texts: Mapping[str, str], root: Node) -> Iterator[tuple[str, Problem]]:
    for word, text in texts.items():
        try:
            CHECKS.get(word, str)(text)
        except ValueError as error:
            yield word, Problem(str(error), root.at("stages", stage, word).place)
