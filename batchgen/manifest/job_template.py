"""One entry of `jobs`: rows x matrix x zip, less what is excluded, plus what is included, as a stream of drafts."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import PurePath
from typing import NamedTuple

from batchgen.errors import Place, Problem, Severity
from batchgen.manifest.key import named, template_id
from batchgen.manifest.rendered_row import RenderedRow, Written
from batchgen.manifest.rows.cells import several
from batchgen.manifest.rows.table import FileStamp, Row, Skipped, Table, in_lines
from batchgen.manifest.template_text import Template, TemplateError
from batchgen.manifest.templates import Simple, compile_template
from batchgen.model import Variant

Field = tuple[str, Template]
"""A word of the request, or a tag, and the template that gives its text; images are `images[0]`, `images[1]`, ..."""

Prepared = tuple[tuple[str, Template, str | None], ...]
"""Fields with their texts, where these are the same for every row."""

Values = Mapping[str, str]

WORDS = frozenset({"prompt", "id"})
IMAGES = frozenset({"images", "mask", "markup", "reference_image"})
"""What a blank value changes: words, which are doubted, and images, which are missed."""
_NO_IMAGE = (
    "`{word}`: `{hole}` is blank, so that an image would be invented where one is to be changed; fill it in, leave the "
    "row out with `only` or `exclude`, or allow it with images_optional: true"
)
NO_LOOK = frozenset({"id", "n", "priority", "route"})
"""What says nothing of how an image looks: with another one, the same template stays the same."""
COMPARED = frozenset({"model", "quality"})
"""What decides the price of the same image."""


@dataclass(frozen=True, slots=True)
class Combination:
    """Values for one job beside those of its row, and the fields that `include` sets for it; or why it is left out.

    An entry of `include` is one for all jobs that it agrees with.
    """

    values: Values
    fields: tuple[Field, ...] = ()
    excluded: str = ""


NO_NAMES = compile_template("")
_JUST_THE_ROW = (Combination({}),)


@dataclass(frozen=True, slots=True)
class Axes:
    """The lists that are combined. `zip` holds the steps of lists that are walked together."""

    matrix: tuple[tuple[str, tuple[str, ...]], ...] = ()
    zip: tuple[Values, ...] = ()
    exclude: tuple[Values, ...] = ()
    only: tuple[Values, ...] = ()
    include: tuple[Combination, ...] = ()

    def compared(self, fields: Sequence[Field]) -> frozenset[str]:
        """Which axes give the same thing in several ways: those that set model or quality, and one named `prompt`."""
        decides = (template.names for word, template in fields if word in COMPARED)
        return self.names & frozenset({"prompt"}).union(*decides)

    @property
    def names(self) -> frozenset[str]:
        """What is varied by `matrix` and `zip`."""
        return frozenset(name for name, _ in self.matrix) | frozenset(name for step in self.zip for name in step)

    def combinations(self, row: Values) -> Iterator[Combination]:
        """Combine, for one row.

        An `include` entry adds its values to every combination that it does not contradict; where it contradicts all
        of them, it is a combination of its own.
        """
        used = [False] * len(self.include)
        for values in self._product():
            if why := self._left_out({**row, **values} if row else values):
                yield Combination(values, excluded=why)
                continue
            added, fields = dict(values), tuple[Field, ...]()
            for number, extra in enumerate(self.include):
                if all(values.get(name, value) == value for name, value in extra.values.items()):
                    used[number] = True
                    added |= extra.values
                    fields += extra.fields
            yield Combination(added, fields)
        for extra, taken in zip(self.include, used, strict=True):
            if not taken and not (self.only and self._left_out({**row, **extra.values})):
                yield extra

    def _left_out(self, values: Values) -> str:
        """Why nothing is wanted of these values; empty when something is."""
        if any(_agrees(entry, values) for entry in self.exclude):
            return "excluded"
        if self.only and not any(_agrees(entry, values) for entry in self.only):
            return "not among `only`"
        return ""

    def _product(self) -> Iterator[dict[str, str]]:
        if not self.matrix and not self.zip:
            if not self.include:
                yield {}
            return
        names = [name for name, _ in self.matrix]
        for step in self.zip or ({},):
            for combined in product(*(values for _, values in self.matrix)):
                yield {**step, **dict(zip(names, combined, strict=True))}


def _agrees(entry: Values, values: Values) -> bool:
    return all(values.get(name) == value for name, value in entry.items())


class _Fields(NamedTuple):
    """The fields of an entry as they are rendered: its own, and the defaults that may still be set.

    `same` are defaults that stand in every row as they are, `inherited` their names.
    """

    own: Prepared
    defaults: Prepared
    same: Mapping[str, str]
    inherited: frozenset[str]
    has_images: bool


@dataclass(frozen=True, slots=True)
class JobTemplate:
    """One entry of `jobs`, checked and compiled.

    `lacking` are words that it sets to something wrong, so that they are not among its fields.
    """

    place: Place
    variables: Values
    own: tuple[Field, ...]
    defaults: tuple[Field, ...] = ()
    tags: tuple[Field, ...] = ()
    axes: Axes = Axes()
    table: Table | None = None
    written: Written = ()
    compared: frozenset[str] = frozenset()
    number: int = 1
    lacking: frozenset[str] = frozenset()
    images_optional: bool = False
    approved_inputs: bool = False

    @property
    def opened(self) -> FileStamp | None:
        """The file of its rows before anything of it was read, if they stand in one."""
        return self.table.opened if self.table else None

    def least(self) -> int:
        """Count the combinations of one row; how many rows there are shows when they are read."""
        return prod(len(values) for _, values in self.axes.matrix) * max(1, len(self.axes.zip))

    def drafts(self) -> Iterator[RenderedRow | Problem | Skipped]:
        """Render every row and combination; last, doubt what turned out blank."""
        file = self.table.file if self.table else self.place.file
        rows = self.table.read() if self.table else iter((Row({}, self.place.line),))
        varies, more = self.axes != Axes(), bool(self.variables)
        watched, blanks = self._watched(), defaultdict[tuple[str, str], list[Place]](list)
        absent = "-" * len(watched)
        template, varied = self._identity(), self._varied()
        fields = _fields(self.own, self.defaults)
        for number, row in enumerate(rows, 1):
            if not isinstance(row, Row):
                yield row
                continue
            cells, line = row
            place = Place(file, line) if self.table else self.place
            blank = () if all(map(str.strip, map(cells.get, watched, absent))) else _blank(watched, cells)
            for combination in self.axes.combinations(cells) if varies else _JUST_THE_ROW:
                if combination.excluded:
                    named = ", ".join(f"{name} {value}" for name, value in combination.values.items())
                    yield Skipped(": ".join(filter(None, (combination.excluded, named))), place)
                else:
                    values = {**self.variables, **cells, **combination.values} if more or varies else cells
                    variant = self._variant(combination.values, place, number) if self.compared else None
                    written = _varied(template, varied, combination) if varied or combination.fields else template
                    draft = self._draft(values, fields, combination, place, variant, written)
                    hollow = frozenset(blank).difference(combination.values) if blank else None
                    yield self._without_blanks(draft, hollow, blanks) if hollow else draft
        yield from _doubted(blanks)

    def _effective(self) -> Iterator[Field]:
        """Give the fields that decide what is drawn: those of the job, and the defaults that it leaves as they are."""
        own = {name for name, _ in self.own}
        yield from self.own
        yield from (field for field in self.defaults if field[0] not in own)

    def _identity(self) -> str:
        """Name what is written for every row: the texts of the fields, and the variables of the manifest in them."""
        fields = [(name, template) for name, template in self._effective() if name not in NO_LOOK]
        used = frozenset[str]().union(*(template.names for _, template in fields))
        variables = ((f"variables.{name}", text) for name, text in self.variables.items() if name in used)
        return template_id((*((name, template.source) for name, template in fields), *variables))

    def _varied(self) -> frozenset[str]:
        """Name the lists of the manifest that set parameters, or the whole prompt: their values are written, too."""
        in_params = (template.names for name, template in self._effective() if name not in {"prompt", *NO_LOOK})
        return self.axes.names & frozenset({"prompt"}).union(*in_params)

    def _watched(self) -> tuple[str, ...]:
        """Names whose blank value would change what is bought."""
        holes = (template.holes for name, template in self._effective() if whole(name) in {*WORDS, *IMAGES})
        return tuple(sorted(frozenset[str]().union(*holes)))

    def _without_blanks(
        self, draft: RenderedRow, blank: frozenset[str], blanks: dict[tuple[str, str], list[Place]]
    ) -> RenderedRow:
        """Leave out images of which a part is blank, where the job allows that; take note of blank words."""
        images, texts, problems = list(draft.images), dict(draft.texts), list(draft.problems)
        for name, template in self._effective():
            for hole in sorted(template.holes & blank):
                word = whole(name)
                if word in WORDS and (word in texts or word == "id"):
                    blanks[word, hole].append(draft.place)
                    continue
                if word not in IMAGES:
                    continue
                with suppress(ValueError):
                    images.remove(template.render(draft.values))
                texts.pop(word, None)
                if not self.images_optional:
                    problems.append(Problem(_NO_IMAGE.format(word=word, hole=hole), draft.place))
        lacking = draft.lacking.union(IMAGES if len(problems) > len(draft.problems) else ())
        return draft._replace(texts=texts, images=tuple(images), problems=tuple(problems), lacking=lacking)

    def _draft(
        self,
        values: Values,
        fields: _Fields,
        combination: Combination,
        place: Place,
        variant: Variant | None,
        template: str,
    ) -> RenderedRow:
        """Render one row."""
        texts: dict[str, str] = {}
        wrong: dict[str, str] = {}
        own, defaults, same, inherited, has_images = fields
        problems: tuple[Problem, ...] = ()
        written, lacking = self.written, self.lacking
        if combination.fields:
            own, written = (*_prepared(combination.fields), *own), ()
            defaults = (*defaults, *((name, NO_NAMES, text) for name, text in same.items()))
            same, inherited, has_images = {}, frozenset(), True
        _render(own, values, texts, wrong)
        if defaults:
            set_here = len(texts)
            _render(defaults, values, texts, wrong)
            inherited |= frozenset(list(texts)[set_here:])
        texts.update(same)
        tags, wrong_tags = _tagged(self.tags, values) if self.tags else ((), ())
        images = _images(texts) if has_images else ()
        if wrong or wrong_tags:
            problems = tuple(Problem(message, place) for message in (*wrong.values(), *wrong_tags))
            lacking = lacking.union(map(whole, wrong))
        approved = self.approved_inputs
        return RenderedRow(
            texts, images, tags, values, place, inherited, written, variant, lacking, problems, template, approved
        )

    def _variant(self, values: Values, place: Place, number: int) -> Variant | None:
        """Name what is drawn by its row and whatever else varies, and the way in which it is drawn.

        Rows in the manifest itself may share a line, so they are named by their number.
        """
        ways = [value for name, value in values.items() if name in self.compared]
        others = (f"{name} {value}" for name, value in values.items() if name not in self.compared)
        inside = place.file == self.place.file
        row = f"row {number}" if inside else f"{PurePath(place.file).name}:{place.line}"
        return Variant(", ".join((f"job {self.number}", row, *others)), ", ".join(ways)) if ways else None


def _blank(watched: Sequence[str], cells: Values) -> Sequence[str]:
    """Name the columns of which a row has a cell, and only blanks in it."""
    return [name for name in watched if not cells.get(name, "-").strip()]


def _varied(template: str, varied: frozenset[str], combination: Combination) -> str:
    """Name the template of one combination: with the values and fields that the manifest writes for it."""
    values = [(f"values.{name}", value) for name, value in combination.values.items() if name in varied]
    fields = [(f"include.{name}", field.source) for name, field in combination.fields]
    return named(template, (*values, *fields))


def _doubted(blanks: Mapping[tuple[str, str], list[Place]]) -> Iterator[Problem]:
    """Doubt what was blank, each name once, with the lines of its rows."""
    for (word, name), places in blanks.items():
        lines = in_lines([place.line for place in places])
        yield Problem(f"`{name}` is blank, and so is its part of `{word}`: {lines}", places[0], Severity.WARNING)


def whole(name: str) -> str:
    """Return the word of the manifest that a field belongs to."""
    return "images" if name.startswith("images[") else name


def _fields(own: tuple[Field, ...], defaults: tuple[Field, ...]) -> _Fields:
    names, prepared = {name for name, _ in own}, _prepared(defaults)
    same = {
        name: text
        for name, _, text in prepared
        if text and not text.isspace() and name not in names and whole(name) != "images"
    }
    others = tuple(field for field in prepared if field[0] not in same)
    has_images = any(whole(name) == "images" for name, _ in (*own, *defaults))
    return _Fields(_prepared(own), others, same, frozenset(same), has_images)


def _prepared(fields: tuple[Field, ...]) -> Prepared:
    """Render what is the same for every row: plain text."""
    plain = [isinstance(template, Simple) and not template.names for _, template in fields]
    return tuple(
        [
            (name, template, template.render({}) if same else None)
            for (name, template), same in zip(fields, plain, strict=True)
        ]
    )


def _render(fields: Prepared, values: Values, texts: dict[str, str], wrong: dict[str, str]) -> None:
    """Add the texts that are not set yet; an empty one sets nothing. What cannot be rendered is `wrong`."""
    for name, template, text in fields:
        if name in texts or name in wrong:
            continue
        if text is None:
            try:
                text = template.render(values)  # noqa: PLW2901 - the text of this row
            except TemplateError as error:
                wrong[name] = _why(name, error)
                continue
        if text and not text.isspace():
            texts[name] = text


def _tagged(tags: Sequence[Field], values: Values) -> tuple[tuple[tuple[str, str], ...], Collection[str]]:
    """Give the tags of a row, and what is wrong with those that cannot be rendered."""
    texts: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for name, template in tags:
        try:
            texts[name] = template.render(values)
        except TemplateError as error:
            texts[name], wrong[name] = "", _why(name, error)
    return tuple(texts.items()), wrong.values()


def _images(texts: dict[str, str]) -> tuple[str, ...]:
    """Take the images of a row out of its texts, in their order."""
    named = [name for name in texts if name.startswith("images[")]
    return tuple([image for name in named for image in several(texts.pop(name))])


def _why(name: str, error: TemplateError) -> str:
    return f"`{name}`: {error}"
