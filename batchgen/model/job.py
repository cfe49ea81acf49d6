"""What is wanted: a job is one set of `n` images with one prompt and one set of parameters."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from batchgen.errors import Place
from batchgen.numerous import numerous


class Operation(StrEnum):
    """Which endpoint of the Images API draws a job."""

    GENERATE = "generate"
    EDIT = "edit"
    VARIATION = "variation"


class RouteChoice(StrEnum):
    """Which way images are asked for."""

    SYNC = "sync"
    BATCH = "batch"
    AUTO = "auto"  # batches, as long as everything is there in time


class SlotState(StrEnum):
    """Where one wanted image stands."""

    NOT_STARTED = "not_started"
    STORED = "stored"
    MODERATED = "moderated"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    LOST_PAID = "lost_paid"


@dataclass(frozen=True, slots=True)
class FileImage:
    """An input image on this machine, with what its bytes say: hash, size in bytes, pixels."""

    path: str
    sha256: str
    bytes: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class UrlImage:
    """An input image that the provider, or we, fetch from an https address."""

    url: str


@dataclass(frozen=True, slots=True)
class JobImage:
    """The stored images of another job, by its id: all in slot order, or the one in `slot`."""

    job_id: str
    slot: int | None = None

    def __str__(self) -> str:
        return f"@{self.job_id}" if self.slot is None else f"@{self.job_id}[{self.slot}]"


InputImage = FileImage | UrlImage | JobImage


MARKUP = "markup"
"""The parameter whose file lies on the first image of an edit."""

Form = tuple[
    Operation,
    str | None,
    tuple[tuple[str, str], ...],
    tuple[InputImage, ...],
    InputImage | None,
    tuple[tuple[str, FileImage], ...],
]
"""Everything of a request but the words of its prompt."""


@numerous
@dataclass(frozen=True, slots=True)
class ImageRequest:
    """What to draw, in the provider-neutral words of the manifest.

    `model` is None when the manifest names none (the provider's default draws, and is recorded but not keyed).
    `params` are the parameters the user set (size, quality, output_format, ...), canonical text sorted by name, without
    model, prompt, n and input images. `files` are the images behind parameters whose value is a path
    (`reference_image`, `markup`): their bytes, not their paths, are what is asked for.
    """

    operation: Operation
    prompt: str
    model: str | None = None
    params: tuple[tuple[str, str], ...] = ()
    images: tuple[InputImage, ...] = ()
    mask: InputImage | None = None
    files: tuple[tuple[str, FileImage], ...] = ()

    @property
    def form(self) -> Form:
        """Everything but the words of the prompt: what many jobs of one manifest have in common."""
        return (self.operation, self.model, self.params, self.images, self.mask, self.files)

    @property
    def markup(self) -> FileImage | None:
        """What people drew on the first image of an edit."""
        return dict(self.files).get(MARKUP)

    @property
    def overlays(self) -> tuple[InputImage, ...]:
        """What lies on the first image of an edit."""
        return tuple(image for image in (self.mask, self.markup) if image)

    @property
    def output_format(self) -> str:
        """The format that was asked for, in small letters; empty where none was."""
        return (self.param("output_format") or "").lower()

    def param(self, name: str) -> str | None:
        """Return the value the user set, or None."""
        for key, value in self.params:
            if key == name:
                return value
        return None


@numerous
@dataclass(frozen=True, slots=True)
class Stems:
    """Where the images of a job go, below `images/`: paths without their extensions, which come with the bytes.

    `usual` has one stem for each slot, or a single one in which `*` stands for the slot's number: no file name holds
    that character. `special` has the stems for extensions with which they are not the usual ones.
    """

    usual: tuple[str, ...]
    special: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def path(self, slot: int, ext: str) -> str:
        """Where the image in a slot goes: a relative POSIX path, for a real extension without dot."""
        return f"{self.stem(slot, ext)}.{ext}"

    def stem(self, slot: int, ext: str) -> str:
        """Where it goes, without its extension, which the stem may depend on."""
        stems = dict(self.special).get(ext, self.usual) if self.special else self.usual
        return stems[slot] if len(stems) > 1 else stems[0].replace("*", str(slot))

    def below(self, folder: str) -> "Stems":
        """Return the same stems in a folder of their own."""
        special = tuple((ext, tuple(f"{folder}/{stem}" for stem in stems)) for ext, stems in self.special)
        return Stems(tuple(f"{folder}/{stem}" for stem in self.usual), special)


class Platform(StrEnum):
    """Whose columns a sheet for a shop has."""

    SHOPIFY = "shopify"
    WOOCOMMERCE = "woocommerce"
    MATRIXIFY = "matrixify"


@dataclass(frozen=True, slots=True)
class Listing:
    """How a shop lists the images of a job: stock-keeping unit, text for those who do not see them, and address.

    In `url` stands `{path}` where an image's own path goes; without an address the path itself is listed. `handle` is
    what Shopify calls the product, `platform` whose columns the sheet has, `derivative` which one is listed for the
    image itself.
    """

    sku: str
    alt: str = ""
    url: str = ""
    handle: str = ""
    platform: str = ""
    derivative: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of several ways to draw the same thing: `of` names the thing, `name` what differs."""

    of: str
    name: str


@numerous
@dataclass(frozen=True, slots=True)
class Job:
    """One set of `n` images wanted. `key` is its identity (64 hex digits); `id` is what people call it.

    `inherited` names the parameters that came from `defaults` and not from the job itself.
    `waits_for` are ids of jobs whose images it takes; while they are not stored, `key` is provisional.
    `tags` are carried into the report: the manifest's tags, and the free columns of a CSV manifest. So are `listing`,
    for the shop's sheet, and `variant`, for the comparison.
    `place` is its row or its entry of the manifest; `written` says of fields that stand elsewhere where that is.
    `after` is the id of the job that shows a preview of this one, which somebody has to approve first. `asked` is what
    the manifest asks for by now, where approved images keep the job as it was. `preview`: it shows what another job
    will be. Jobs with a larger `priority` are drawn first. `template` names what the manifest writes for it and for
    others: prompt and parameters before a row is put in; empty where each row writes its own. `approved_inputs`: it is
    drawn from images of other jobs that somebody approved, and from no others. `route` is its own way, sync or batch.
    """

    id: str
    key: str
    request: ImageRequest
    n: int
    stems: Stems = field(repr=False)
    tags: tuple[tuple[str, str], ...] = ()
    place: Place | None = field(default=None, compare=False)
    explicit_id: bool = True
    inherited: frozenset[str] = frozenset()
    after: str | None = None
    asked: ImageRequest | None = None
    written: tuple[tuple[str, Place], ...] = field(default=(), compare=False, repr=False)
    listing: Listing | None = field(default=None, compare=False)
    variant: Variant | None = field(default=None, compare=False)
    preview: bool = False
    priority: float = 0.0
    template: str = field(default="", compare=False)
    approved_inputs: bool = False
    route: RouteChoice | None = field(default=None, compare=False)

    def path(self, slot: int, ext: str) -> str:
        """Where the image in a slot goes, below `images/`, for a real extension without dot."""
        return self.stems.path(slot, ext)

    def place_of(self, name: str) -> Place | None:
        """Where a person should look for one field of this job."""
        return next((place for field_name, place in self.written if field_name == name), self.place)

    @property
    def waits_for(self) -> tuple[str, ...]:
        """Ids of the jobs whose images this one takes, each once."""
        images, mask = self.request.images, self.request.mask
        if not images and mask is None:
            return ()
        return tuple(dict.fromkeys([one.job_id for one in (*images, mask) if isinstance(one, JobImage)]))

    def saying(self, prompt: str | None) -> "Job":
        """Return the same job, under its own key, drawn with other words; None leaves it its own."""
        request = self.asked or self.request
        if prompt is None and self.asked is None:
            return self
        return replace(self, request=replace(request, prompt=request.prompt if prompt is None else prompt))
