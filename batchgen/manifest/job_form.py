"""What a manifest may say of its jobs: the parameters of a request, and the rows and combinations that fill them."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from batchgen.manifest.form import Cells, Form, Separator, Text


def _images_kind(value: Any) -> str:
    return "several" if isinstance(value, list) else "one"


class RequestForm(Form):
    """What one request may set."""

    model: Text | None = None
    """What draws; without it the provider's default model."""
    n: Text | None = None
    """Images wanted of one job, 1 to 10."""
    operation: Text | None = None
    """generate, edit or variation; without it, `images` makes an edit."""
    prompt: Text | None = None
    """What to draw."""
    size: Text | None = None
    """WxH in pixels, or auto."""
    quality: Text | None = None
    background: Text | None = None
    moderation: Text | None = None
    output_format: Text | None = None
    """png, jpeg or webp; gif and svg where the provider draws them."""
    output_compression: Text | None = None
    """0 to 100, for jpeg and webp."""
    input_fidelity: Text | None = None
    user: Text | None = None
    safety_identifier: Text | None = None
    complexity: Text | None = None
    frame_count: Text | None = None
    """Frames of a gif, 2 to 16."""
    frame_duration_ms: Text | None = None
    """How long each frame of a gif is shown, in milliseconds."""
    svg_model: Text | None = None
    """The text model that writes an svg."""
    svg_effort: Text | None = None
    """How long the model that writes an svg may reason, none to max."""
    style: Text | None = None
    negative_prompt: Text | None = None
    response_format: Text | None = None
    """Known per provider; only for one that takes it, to have it otherwise."""
    image: Text | None = None
    """One reference image: a file, an https address, or `@id` of another job."""
    images: (
        Annotated[Annotated[Text, Tag("one")] | Annotated[list[Text], Tag("several")], Discriminator(_images_kind)]
        | None
    ) = None
    """Reference images: a list, or one text that gives several, such as "{{ Images | split(',') }}"."""
    reference_image: Text | None = None
    """A reference image of a generation, for providers that take one."""
    mask: Text | None = None
    """Where an edit may change its first image: a PNG that is transparent there, or black on white."""
    markup: Text | None = None
    """What people drew on the first image of an edit: a file, a transparent PNG as large as the image."""
    route: Text | None = None
    """sync or batch: how this job is asked for, instead of the manifest's route; it changes no job."""


def _rows_kind(value: Any) -> str:
    return "inline" if isinstance(value, list) else "form" if isinstance(value, dict | RowsForm) else "file"


class RowsForm(Form):
    """A file of rows, with what is to be known for reading it; what is left out is detected, or usual."""

    file: Text
    """CSV, TSV, JSONL, Parquet, XLSX, or a TXT of one prompt a line, beside the manifest."""
    delimiter: Separator | None = None
    """What separates the cells of a text file, such as ";"."""
    encoding: Text | None = None
    """The encoding of a text file, such as cp1252."""
    header_row: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """The line that names the columns; what stands above is left out."""
    quotes: bool | None = None
    """Whether quotation marks hold cells together: yes for CSV, no for TSV."""
    sheet: Text | None = None
    """The sheet of a workbook; without it the first one with rows."""


class JobForm(RequestForm):
    """A template of jobs: one for each row and combination."""

    id: Text | None = None
    """What people call a job; without it the first digits of its key."""
    rows: (
        Annotated[
            Annotated[str, Tag("file")] | Annotated[RowsForm, Tag("form")] | Annotated[list[Cells], Tag("inline")],
            Discriminator(_rows_kind),
        ]
        | None
    ) = None
    """CSV, TSV, JSONL, Parquet, XLSX or TXT beside the manifest, a form that says how to read one, or a list."""
    columns: dict[str, Text] | None = None
    """Further names for columns, such as sku: "Variant SKU"."""
    matrix: dict[str, list[Text]] | None = None
    """The product of lists; one named like a parameter sets it."""
    zip: dict[str, list[Text]] | None = None
    """Lists that are walked in step."""
    exclude: list[Cells] | None = None
    """Combinations to leave out: those where every named value is the same."""
    only: list[Cells] | None = None
    """Keep only rows and combinations where every named value of one of these is the same."""
    include: list[Cells] | None = None
    """Combinations to add, or to add values to."""
    tags: Cells | None = None
    """Carried into the report."""
    priority: Text | None = None
    """What is drawn first: high, normal, low, or a number, of which the largest comes first; it changes no job."""
    images_optional: bool = False
    """Whether a row may leave images blank; it is then drawn without them."""
    when: Literal["approved"] | None = None
    """approved: it waits until somebody approved the images of other jobs that it takes (`@id`)."""
