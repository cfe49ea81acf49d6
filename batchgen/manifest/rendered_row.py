"""One row and combination, with every template rendered, and the job that it becomes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple
from unicodedata import normalize

from batchgen import model
from batchgen.errors import InputError, Place, Problem
from batchgen.manifest.inputs import BadInputError, Inputs
from batchgen.manifest.key import FormOfKey, form_of_key
from batchgen.manifest.listing import ListingTemplate
from batchgen.manifest.names import FILES, INTEGERS, NAMES, NO_PARAMS, did_you_mean, shown
from batchgen.manifest.paths import PathTemplate
from batchgen.manifest.template_text import TemplateError
from batchgen.runtime.memo import kept

MAX_N = 10
MAX_ID = 200
"""Characters of an id."""
DECIDE_PATH = frozenset({"id", NAMES, "output", "output_format"})
"""Words without which it is not known where the images of a job go."""
DECIDE_LISTING = frozenset({"id", "output", NAMES})
"""Words without which it is not known what a shop lists."""
_FILES = tuple(sorted(FILES))
_OF_FILES = FILES | {"mask"}
PRIORITIES: Mapping[str, float] = {"high": 1.0, "normal": 0.0, "low": -1.0}
JOB_ROUTES = ("sync", "batch")
_PRIORITY = re.compile(r"[+-]?\d{1,12}(\.\d{1,9})?", re.ASCII)
_WHOLE = re.compile(r"\d{1,15}", re.ASCII)


Written = tuple[tuple[str, Place], ...]


class RenderedRow(NamedTuple):
    """What a row asks for, as text. `texts` are the request's words that are set; `values` what templates may use.

    `inherited` names what came from `defaults`; `written` is where fields stand that are the same for every row;
    `variant` is set where the same is drawn in several ways. `lacking` are words that are set to something wrong, so
    that it is not among the texts; `problems` is what of that was not told yet. `template` names what is written for
    it and for others; `approved_inputs`: what it takes of other jobs has to be approved.
    """

    texts: Mapping[str, str]
    images: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]
    values: Mapping[str, str]
    place: Place
    inherited: frozenset[str] = frozenset()
    written: Written = ()
    variant: model.Variant | None = None
    lacking: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()
    template: str = ""
    approved_inputs: bool = False

    def without(self, name: str, image: str | None) -> "RenderedRow":
        """Return the draft without a word that is wrong; of several images, only that one is left out."""
        texts = {word: text for word, text in self.texts.items() if word != name}
        images = tuple(other for other in self.images if name != "images" or other != image)
        return self._replace(texts=texts, images=images, lacking=self.lacking | {name})


@dataclass(frozen=True, slots=True)
class InvalidRow:
    """A row that cannot be a job, and why. `job` is what can be made of the rest, to be looked at but never drawn.

    `lacking` are the words that it was to set and does not.
    """

    problems: tuple[Problem, ...]
    job: model.Job | None = None
    lacking: frozenset[str] = frozenset()


class _WrongFieldError(ValueError):
    """Something is wrong with one field of a draft."""

    def __init__(self, name: str, message: str, image: str | None = None) -> None:
        super().__init__(message)
        self.name = name
        self.image = image


@lru_cache(maxsize=256)
def whole_number(name: str, text: str) -> int:
    """Read a whole number; ValueError when it is none, or out of its range."""
    written = text.strip()
    if not _WHOLE.fullmatch(written):
        raise ValueError(f"`{name}` should be a whole number, not {shown(text)}")
    if name == "n" and not 1 <= int(written) <= MAX_N:
        raise ValueError(f"`n` is 1 to {MAX_N}, not {shown(text)}; for more images, vary something or use more jobs")
    return int(written)


def operation(text: str) -> model.Operation:
    """Read an operation; ValueError when it is none."""
    try:
        return model.Operation(text)
    except ValueError:
        raise ValueError(
            f"`operation` is generate, edit or variation, not {shown(text)}{did_you_mean(text, model.Operation)}"
        ) from None


def priority(text: str) -> float:
    """Read a priority; ValueError when it is none."""
    written = text.strip().casefold()
    if written in PRIORITIES:
        return PRIORITIES[written]
    if not _PRIORITY.fullmatch(written):
        raise ValueError(f"`priority` is a number or high, normal or low, not {shown(text)}")
    return float(written)


def route(text: str) -> model.RouteChoice:
    """Read the route of one job; ValueError when it is none."""
    written = text.strip().casefold()
    if written not in JOB_ROUTES:
        what = "auto is for the whole manifest" if written == model.RouteChoice.AUTO else shown(text)
        raise ValueError(f"`route` of a job is sync or batch, not {what}{did_you_mean(written, JOB_ROUTES)}")
    return model.RouteChoice(written)


CHECKS: Mapping[str, Callable[[str], object]] = {
    "operation": operation,
    "priority": priority,
    "route": route,
    **{name: partial(whole_number, name) for name in ("n", *INTEGERS)},
}
"""What a text must be, for words that are more than text; each raises ValueError."""


class _Asked(NamedTuple):
    """What a draft asks for besides prompt and id, what hashes it, and the extension that its images should have."""

    form: model.Form
    hashed: FormOfKey
    ext: str


class Builder:
    """Makes jobs of drafts. What many ask for besides prompt and id is worked out once, unless files go in."""

    def __init__(self, inputs: Inputs, output: PathTemplate, shop: ListingTemplate | None = None) -> None:
        self._inputs = inputs
        self._output = output
        self._shop = shop
        self._asked: dict[object, _Asked] = {}
        self._before: tuple[Mapping[str, str], frozenset[str], _Asked] | tuple[None, None, None] = (None, None, None)

    def build(self, draft: RenderedRow) -> model.Job | InvalidRow:
        """Make the job of a draft, or say everything that is wrong with it."""
        problems, job, shop = list(draft.problems), None, self._shop
        if not DECIDE_LISTING.isdisjoint(draft.lacking):
            shop = None
        while job is None:
            try:
                job = self._build(draft, shop)
            except _WrongFieldError as error:
                problems.append(Problem(str(error), dict(draft.written).get(error.name, draft.place)))
                if len(problems) >= InputError.most:
                    return InvalidRow(tuple(problems))  # a row may name any number of images that are not there
                draft = draft.without(error.name, error.image)
            except UnicodeEncodeError:
                half = "the text holds half of a character (a lone surrogate), which cannot be sent"
                return InvalidRow((*problems, Problem(half, draft.place)))
            except ValueError as error:  # mostly a template of the shop's sheet, without which there is the rest
                problems.append(Problem(str(error), draft.place))
                if shop is None:
                    return InvalidRow(tuple(problems))
                shop = None
        return InvalidRow(tuple(problems), job, draft.lacking) if problems or draft.lacking else job

    def _build(self, draft: RenderedRow, shop: ListingTemplate | None) -> model.Job:
        texts = draft.texts
        n = _n(texts["n"], self._output) if "n" in texts else 1
        explicit = _id(texts["id"]) if "id" in texts else None
        form, hashed, ext = self._asks(draft)
        prompt = texts.get("prompt", "")
        request = model.ImageRequest(form[0], prompt, *form[1:])
        identity = hashed.key(prompt, explicit)
        name = explicit or identity[:12]
        job = model.Job(
            id=name,
            key=identity,
            request=request,
            n=n,
            stems=self._stems(draft, name, identity, n, ext),
            tags=draft.tags,
            place=draft.place,
            explicit_id=explicit is not None,
            inherited=draft.inherited,
            written=draft.written,
            listing=shop.of(draft.values, name) if shop else None,
            variant=draft.variant,
            priority=_read("priority", texts["priority"]) if "priority" in texts else 0.0,
            route=_read("route", texts["route"]) if "route" in texts else None,
            template=draft.template,
            approved_inputs=draft.approved_inputs and bool(draft.images),
        )
        if job.approved_inputs and not job.waits_for and "images" not in draft.lacking:
            raise _WrongFieldError("when", '`when: approved` needs an image of another job, such as images: ["@lamp"]')
        return job

    def _asks(self, draft: RenderedRow) -> _Asked:
        """Return everything of a request but its prompt, and what hashes it; files are looked at for each row."""
        texts = draft.texts
        if draft.images or not _OF_FILES.isdisjoint(texts):
            return self._new(draft)
        others = {**texts, "id": "", "prompt": "-" if "prompt" in texts else ""}
        if others != self._before[0] or draft.lacking != self._before[1]:  # rows mostly ask for what the last one did
            asked = kept(self._asked, (tuple(others.items()), draft.lacking), lambda: self._new(draft))
            self._before = (others, draft.lacking, asked)
        return self._before[2]

    def _new(self, draft: RenderedRow) -> _Asked:
        form = _form(draft, self._inputs)
        return _Asked(form, form_of_key(form), dict(form[2]).get("output_format", "png"))

    def _stems(self, draft: RenderedRow, name: str, key: str, n: int, ext: str) -> model.Stems:
        """Where the images go; nowhere when what decides it is wrong."""
        if not DECIDE_PATH.isdisjoint(draft.lacking):
            return model.Stems(("",))
        try:
            return self._output.stems(draft.values, name, key, n, ext)
        except TemplateError as error:
            raise _WrongFieldError("output", f"`output.path` {error}") from None


def _n(text: str, output: PathTemplate) -> int:
    n: int = _read("n", text)
    if n > 1 and not output.shows_index:
        message = "`output.path` does not use {{ index }}, so the images of one job would have one name"
        raise _WrongFieldError("n", message)
    return n


def _form(draft: RenderedRow, inputs: Inputs) -> model.Form:
    texts = draft.texts
    images = tuple([_image("images", word, inputs) for word in draft.images])
    mask = _image("mask", texts["mask"], inputs) if "mask" in texts else None
    files = tuple([(name, _file(name, texts[name], inputs)) for name in _FILES if name in texts])
    params = {name: text for name, text in texts.items() if name not in NO_PARAMS}
    params |= {name: str(_read(name, text)) for name, text in params.items() if name in INTEGERS}
    usual = model.Operation.EDIT if images else model.Operation.GENERATE
    wanted = _read("operation", texts["operation"]) if "operation" in texts else usual
    _fits(wanted, draft, images, mask)
    params |= {name: file.path for name, file in files}
    return wanted, texts.get("model"), tuple(sorted(params.items())), images, mask, files


def _file(name: str, word: str, inputs: Inputs) -> model.FileImage:
    image = _image(name, word, inputs)
    if not isinstance(image, model.FileImage):
        raise _WrongFieldError(name, f"`{name}` takes a file")
    if name == model.MARKUP and not inputs.is_clear(image):
        raise _WrongFieldError(name, f"{name}: {word.strip()!r} is not transparent, so it would hide the whole image")
    return image


def _image(name: str, word: str, inputs: Inputs) -> model.InputImage:
    try:
        return inputs.image(word.strip())
    except BadInputError as error:
        raise _WrongFieldError(name, f"{name}: {error}", word) from None


def _fits(
    wanted: model.Operation, draft: RenderedRow, images: tuple[model.InputImage, ...], mask: model.InputImage | None
) -> None:
    """Refuse what does not go together, unless that may follow from what the draft lacks."""
    texts, lacking = draft.texts, draft.lacking
    if "prompt" not in texts and not lacking & {"prompt", "operation"} and wanted is not model.Operation.VARIATION:
        raise _WrongFieldError("prompt", "the prompt is empty")
    if wanted is not model.Operation.GENERATE and not images and "images" not in lacking:
        raise _WrongFieldError("images", f"operation {wanted} needs an image in `images`")
    if mask is not None and wanted is not model.Operation.EDIT and not lacking & {"images", "operation"}:
        raise _WrongFieldError("mask", "a `mask` belongs to an edit; name the image that it masks in `images`")
    if model.MARKUP in texts and wanted is not model.Operation.EDIT and not lacking & {"images", "operation"}:
        raise _WrongFieldError(
            model.MARKUP, "a `markup` belongs to an edit; name the image that it lies on in `images`"
        )


def _read(name: str, text: str) -> Any:
    """Read a word that is more than text."""
    try:
        return CHECKS[name](text)
    except ValueError as error:
        raise _WrongFieldError(name, str(error)) from None


def _id(text: str) -> str:
    written = text if text.isascii() else normalize("NFC", text)
    if len(written) > MAX_ID:
        raise _WrongFieldError("id", f"the id is longer than {MAX_ID} characters")
    if written.startswith("@") or not written.isprintable():
        message = f"{shown(text)} cannot be an id: no `@` at its start, no line breaks, and no signs that nobody sees"
        raise _WrongFieldError("id", message)
    return written
