"""The checked form -> compiled blocks: templates compiled once, row files opened, names looked up before any row."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from batchgen.errors import InputError, Place, Problem, Severity
from batchgen.manifest import paths
from batchgen.manifest.checked import Checked, Scope
from batchgen.manifest.job_form import JobForm, RequestForm, RowsForm
from batchgen.manifest.job_template import Axes, Combination, Field, JobTemplate, whole
from batchgen.manifest.listing import NO_TEXT, ListingTemplate
from batchgen.manifest.names import (
    COMBINATIONS,
    NAMES,
    REQUEST,
    SETTABLE,
    did_you_mean,
    known_word,
    listed,
    shown,
    simple,
    strangers,
    whole_word,
)
from batchgen.manifest.paths import PathTemplate
from batchgen.manifest.rendered_row import CHECKS
from batchgen.manifest.row_manifest import inline
from batchgen.manifest.rows.table import Layout, Table, renamed, why_no_file
from batchgen.manifest.rows.tables import READERS, open_table
from batchgen.manifest.template_names import Outside, look_up, usable
from batchgen.manifest.template_text import Template, TemplateError, in_template, is_name
from batchgen.manifest.templates import Simple, compile_template
from batchgen.yaml_tree import Node, cut_short

Step = str | int
_FIRST_IMAGE = "images[0]"
_WORDING = ("prompt", "negative_prompt", "tags", "matrix", "zip", "rows")
"""Where texts of a job stand that are drawn, or that tell images apart."""
_SAME_JOB = (
    "`n` makes no jobs of its own, as it is no part of what a job is: the first value counts; write n on the job, or "
    "name it in the id"
)


class Composer:
    """Compiles the jobs of one manifest, collecting `problems` and `warnings` instead of stopping at the first."""

    def __init__(self, found: Checked, root: Node, base: Path, opens: Collection[str] = ()) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._form = form = found.form
        self._opened = found.opened
        self._opens = frozenset(opens)
        self._lacking: defaultdict[Scope, frozenset[str]] = defaultdict(frozenset, found.lacking)
        self._root = root
        self._base = base
        self._variables = _cells(form.variables)
        self._path = form.output.path if form.output else None
        self.output = self._output()
        self.shop = self._shop()

    def sources(self) -> tuple[JobTemplate, ...]:
        """Compile every entry of `jobs`; what is wrong with one is lacking in it."""
        defaults = self._request(self._form.defaults, ("defaults",)) if self._form.defaults else ()
        if self._root.at("jobs").value == ():
            self._problem("`jobs` is empty", "jobs")
        self._doubt_comments("variables")
        self._doubt_duplicates()
        for at in (("defaults",), *(("jobs", index) for index in range(len(self._form.jobs)))):
            for word in _WORDING:
                self._doubt_comments(*at, word)
        return tuple(self._block(job, index, defaults) for index, job in enumerate(self._form.jobs))

    def _doubt_duplicates(self) -> None:
        """Doubt a check for duplicates within a tag that no job has: it would compare none.

        What is wrong in tags is told alone.
        """
        check = self._form.checks.duplicate if self._form.checks else None
        known = {name for job in self._form.jobs for name in job.tags or {}}
        if check and check.within not in known and not any("tags" in words for words in self._lacking.values()):
            message = f"no job has the tag {shown(check.within)}, so no image is compared with others"
            hint = (
                did_you_mean(check.within, known) or f'; write tags: {{{check.within}: "{{{{ ... }}}}"}} into the job'
            )
            place = self._root.at("checks", "duplicate", "within").place
            self.warnings.append(Problem(f"{message}{hint}", place, Severity.WARNING))

    def _doubt_comments(self, *at: Step) -> None:
        """Doubt a `#` that YAML takes for the begin of a comment where a colour or a number may be meant."""
        owner = self._root.at(*at[:-1]).value
        if isinstance(owner, dict) and at[-1] in owner:
            self.warnings += (
                Problem(
                    f"{shown(node.lost)} and what follows is a comment; put quotation marks around the text if it "
                    "belongs to it, write a blank behind the # if not",
                    node.place,
                    Severity.WARNING,
                )
                for node in cut_short(owner[str(at[-1])])
            )

    def _output(self) -> PathTemplate:
        try:
            return paths.path_template(paths.DEFAULT if self._path is None else self._path)
        except TemplateError as error:
            self._problem(f"`path`: {error}", "output", "path")
            return paths.path_template(paths.DEFAULT)

    def _shop(self) -> ListingTemplate | None:
        form = self._form.output.shop if self._form.output else None
        if form is None:
            return None
        written = {"sku": form.sku, "alt": form.alt, "url": form.url, "handle": form.handle}
        texts = {word: text for word, text in written.items() if text is not None}
        found = {word: self._template(text, "output", "shop", word) for word, text in texts.items()}
        if form.image is not None and form.image not in (self._form.derivatives or {}):
            self._problem(f"`image`: there is no derivative {shown(form.image)}", "output", "shop", "image")
        templates = {word: template or NO_TEXT for word, template in found.items()}
        return ListingTemplate(**templates, platform=form.platform or "", derivative=form.image or "")

    def _block(self, job: JobForm, index: int, defaults: tuple[Field, ...]) -> JobTemplate:
        at = ("jobs", index)
        set_by_axes, doubts = self._by_axes(job, at)
        own = tuple(sorted((*self._request(job, at), *set_by_axes), key=_images_first))
        if any(name.startswith("images[") for name, _ in own):
            defaults = tuple(field for field in defaults if not field[0].startswith("images["))
        tags = tuple(
            (name, template)
            for name, text in (job.tags or {}).items()
            if (template := self._template(text or "", *at, "tags", name))
        )
        table = self._named(self._table(job, at), job, at)
        axes = self._axes(job, at)
        written = tuple(self._written(own, defaults, at, varied=table is not None))
        lacking = self._lacking["jobs"] | self._lacking[index]
        lacking |= self._lacking["defaults"] - {whole(name) for name, _ in own}
        block = JobTemplate(
            self._root.at(*at).place,
            self._variables,
            own,
            defaults,
            tags,
            axes,
            table,
            written,
            axes.compared((*own, *defaults)),
            index + 1,
            frozenset(lacking),
            images_optional=job.images_optional or self._form.images_optional,
            approved_inputs=job.when == "approved",
        )
        if (
            job.when
            and not {"images", NAMES} & lacking
            and not any(whole(name) == "images" for name, _ in (*own, *defaults))
        ):
            self._problem("`when: approved` stands beside `images`, which name the jobs that it waits for", *at, "when")
        elsewhere = tuple(self._elsewhere())
        found = tuple(look_up(block, self._root, elsewhere))
        errors = tuple(problem for problem in found if problem.severity is Severity.ERROR)
        self.problems += errors
        if not errors and not lacking:  # a doubt may only follow from what is wrong
            self.warnings += (*found, *doubts)
            return block
        return usable(block, elsewhere)

    def _written(
        self, own: tuple[Field, ...], defaults: tuple[Field, ...], at: tuple[Step, ...], *, varied: bool
    ) -> Iterator[tuple[str, Place]]:
        """Where each field stands, the images as one; what a row decides is looked for in the row."""
        mine = {name for name, _ in own}
        inherited = ((("defaults",), field) for field in defaults if field[0] not in mine)
        fields = [(owner, *field) for owner, field in (*((at, field) for field in own), *inherited)]
        by_row = {whole(name) for _, name, template in fields if varied and template.names}
        for owner, name, _ in fields:
            word = whole(name)
            if word not in by_row:
                written = "image" if word == "images" and "image" in (self._root.at(*owner).keys or ()) else word
                yield word, self._root.at(*owner, written).place

    def _elsewhere(self) -> Iterator[Outside]:
        """Give the templates that every job shares, with where they stand and what else they may use."""
        if self._path:
            yield Outside(self.output.stem, ("output", "path"), paths.OWN)
        for word, template, own in self.shop.names() if self.shop else ():
            yield Outside(template, ("output", "shop", word), own)

    def _request(self, form: RequestForm, at: tuple[Step, ...]) -> tuple[Field, ...]:
        """Compile what a request sets."""
        fields = list(self._images(form, at))
        for name in RequestForm.model_fields.keys() | ({"id", "priority"} & type(form).model_fields.keys()):
            value = getattr(form, name)
            if name not in {"image", "images"} and value is not None and (template := self._template(value, *at, name)):
                fields.append((name, template))
        for name, text in self._opened.get(at, {}).items():
            if template := self._template(text, *at, name):
                fields.append((name, template))
        return tuple(sorted(fields, key=_images_first))

    def _images(self, form: RequestForm, at: tuple[Step, ...]) -> Iterator[Field]:
        """Compile the images that go in; `image` is a list of one."""
        if form.image is not None and (template := self._template(form.image, *at, "image")):
            yield _FIRST_IMAGE, template
        if form.image is not None and form.images is not None:
            self._problem("give `image` or `images`, not both", *at, "image")
            self._lack((*at, "image"))
        if isinstance(form.images, str) and (template := self._template(form.images, *at, "images")):
            yield _FIRST_IMAGE, template
        for index, word in enumerate(form.images if isinstance(form.images, list) else ()):
            if template := self._template(word, *at, "images", index):
                yield f"images[{index}]", template

    def _by_axes(self, job: JobForm, at: tuple[Step, ...]) -> tuple[list[Field], list[Problem]]:
        """Say what lists set that are named like a word of the request which the job does not write itself.

        One whose values cannot all be meant for that word stays a variable, which is doubted. A list named `n` whose
        numbers are drawn, as in "House no. {{ n }}", counts houses and not images.
        """
        fields, doubts = list[tuple[str, str]](), list[Problem]()
        drawn = _names_in(job.prompt or (self._form.defaults.prompt if self._form.defaults else None))
        for kind, lists in (("matrix", job.matrix or {}), ("zip", job.zip or {})):
            for name, values in lists.items():
                if doubt := _other_case(job, name, values):
                    doubts.append(Problem(doubt, self._root.key_place(*at, kind, name), Severity.WARNING))
                if name not in SETTABLE or _writes(job, name) or (name == "n" and name in drawn):
                    continue
                wrong = strangers(name, values)
                if name == "n" and len(set(values)) > 1 and "n" not in _names_in(job.id):
                    doubts.append(Problem(_SAME_JOB, self._root.key_place(*at, kind, name), Severity.WARNING))
                if not wrong:
                    fields.append((_FIRST_IMAGE if whole_word(name) == "images" else name, in_template(name)))
                    continue
                why = f"{shown(wrong[0])} is not a value for it"
                message = f'`{name}` stays a variable, as {why}; to set the parameter, add {name}: "{{{{ {name} }}}}"'
                doubts.append(Problem(message, self._root.key_place(*at, kind, name), Severity.WARNING))
        return [(word, compile_template(text)) for word, text in fields], doubts

    def _template(self, source: str, *at: Step) -> Template | None:
        """Compile; text without names is checked at once for what its word takes. What is wrong is lacking there."""
        name = str(at[-1])
        try:
            template = compile_template(source)
            looked_at = name in CHECKS or (name in SETTABLE and isinstance(template, Simple))
            if looked_at and not template.names and at[-2] != "tags" and (text := template.render({})).strip():
                _look_at_end(name, text)
                CHECKS.get(name, str)(text)
        except TemplateError as error:
            self._problem(f"`{name}`: {error}", *at)
        except ValueError as error:
            self._problem(str(error), *at)
        else:
            return template
        self._lack(at)
        return None

    def _lack(self, at: tuple[Step, ...], *words: str) -> None:
        """Take note of what is lacking in the job, or in what jobs inherit, at a path."""
        scope = at[1] if at[0] == "jobs" else at[0]
        word = at[-2] if at[-2] in {"images", "tags"} else at[-1]
        self._lacking[scope] |= {*words} or {"images" if word == "image" else str(word)}

    def _table(self, job: JobForm, at: tuple[Step, ...]) -> Table | None:
        node = self._root.at(*at, "rows")
        if job.rows is None:
            return None
        if isinstance(job.rows, list):
            assert isinstance(node.value, tuple)
            places = (item.place for item in node.value)
            return inline(node.place.file, list(zip(map(_cells, job.rows), places, strict=True)))
        form = job.rows if isinstance(job.rows, RowsForm) else RowsForm(file=job.rows)
        path, words = self._base / form.file, form.model_dump(exclude={"file"})
        place = node.at("file").place
        if absent := why_no_file(form.file, self._base):
            self.problems.append(Problem(absent, place))
            self._lack(at, NAMES)
            return None
        try:
            layout = Layout(**words)
            self._fits(layout, path, node)
            table = open_table(path, str(path), layout)
        except InputError as error:
            self.problems += error.problems
            self._lack(at, NAMES)
            return None
        self.warnings += table.told
        return table

    def _named(self, table: Table | None, job: JobForm, at: tuple[Step, ...]) -> Table | None:
        """Return the table with the further names that the job gives its columns."""
        right: dict[str, str] = {}
        for name, column in (job.columns or {}).items():
            place = self._root.key_place(*at, "columns", name)
            if why := _why_no_name(name, column, table):
                self.problems.append(Problem(why, place))
                self._lack(at, NAMES)
            else:
                right[name] = column
        return renamed(table, right) if table and right else table

    def _fits(self, layout: Layout, path: Path, node: Node) -> None:
        """Refuse words that say nothing of a file of this format."""
        reader = READERS.get(path.suffix.lower())
        for word in sorted(layout.given - reader.takes) if reader else ():
            message = f"`{word}` says nothing of a {path.suffix.lower()} file; leave it out"
            self.problems.append(Problem(message, node.key_place(word)))

    def _axes(self, job: JobForm, at: tuple[Step, ...]) -> Axes:
        known = len(self.problems)
        for name, values in {**(job.matrix or {}), **(job.zip or {})}.items():
            if not values:
                self._problem(f"`{name}` is an empty list, which leaves no job", *at, "matrix", name)
        for name in (job.matrix or {}).keys() & (job.zip or {}).keys():
            self._problem(f"`{name}` stands in `matrix` and in `zip`", *at, "zip", name)
        if len(lengths := {len(values) for values in (job.zip or {}).values()}) > 1:
            self._problem(f"the lists of `zip` have different lengths: {sorted(lengths)}", *at, "zip")
        if len(self.problems) > known:
            self._lack(at, COMBINATIONS)
        steps = zip(*(job.zip or {}).values(), strict=False)
        varied = (job.matrix or {}).keys() | (job.zip or {}).keys()
        return Axes(
            matrix=tuple((name, tuple(values)) for name, values in (job.matrix or {}).items()),
            zip=tuple(dict(zip(job.zip or {}, step, strict=True)) for step in steps),
            exclude=tuple(_cells(entry) for entry in job.exclude or ()),
            only=tuple(_cells(entry) for entry in job.only or ()),
            include=tuple(
                Combination(_cells(entry), tuple(self._included(entry, varied, (*at, "include", index))))
                for index, entry in enumerate(job.include or ())
            ),
        )

    def _included(
        self, entry: Mapping[str, str | None], varied: Collection[str], at: tuple[Step, ...]
    ) -> Iterator[Field]:
        for name, text in entry.items():
            sets = name in REQUEST | self._opens and name not in varied and text is not None
            if sets and (template := self._template(text or "", *at, name)):
                yield (_FIRST_IMAGE if name in {"image", "images"} else name, template)

    def _problem(self, message: str, *at: Step) -> None:
        self.problems.append(Problem(message, self._root.at(*at).place))


def _look_at_end(name: str, text: str) -> None:
    """Refuse a comma at the end, which other formats want and YAML takes for a letter."""
    kept = text.rstrip().removesuffix(",").rstrip()
    if kept != text.rstrip() and strangers(name, [text]) and not strangers(name, [kept]):
        raise ValueError(f"`{name}` ends with a comma; write {name}: {kept}")


def _images_first(field: Field) -> str:
    return "" if field[0].startswith("images[") else field[0]


def _other_case(job: JobForm, name: str, values: Iterable[str]) -> str:
    """Doubt a list that is named like a parameter but for case, blanks or marks: it sets nothing."""
    word = known_word(name)
    if word in {None, name} or word not in SETTABLE or _writes(job, word) or strangers(word, values):
        return ""
    return f"`{name}` is a variable and sets nothing; to set the parameter, name the list `{word}`"


def _writes(job: JobForm, name: str) -> bool:
    """Whether a job writes a word of the request itself; one image and several are the same word."""
    words = {"image", "images"} if whole_word(name) == "images" else {name}
    return any(getattr(job, word) is not None for word in words)


def _names_in(source: str | None) -> frozenset[str]:
    try:
        return compile_template(source or "").names
    except TemplateError:
        return frozenset()


def _why_no_name(name: str, column: str, table: Table | None) -> str | None:
    """Why a column cannot have a further name; None when it can."""
    if not is_name(name):
        return f"{shown(name)} cannot name a variable; such as `{simple(name) or 'sku'}` is"
    if table is None:
        return None
    if table.columns is not None and column not in table.columns:
        hint = did_you_mean(column, table.columns) or f"; there are {listed(table.columns)}"
        return f"there is no column {shown(column)}{hint}"
    if table.columns is not None and name in table.columns:
        return f"a column is named {shown(name)} already; choose another name"
    return None


def _cells(cells: Mapping[str, str | None] | None) -> dict[str, str]:
    return {name: text or "" for name, text in (cells or {}).items()}
