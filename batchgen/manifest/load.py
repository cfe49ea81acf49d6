"""A manifest file -> a checked `Manifest`, or every problem in it with its place."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from batchgen import yaml_tree
from batchgen.errors import InputError, Place, Problem, Severity, by_place
from batchgen.manifest import paths
from batchgen.manifest.inputs import Inputs
from batchgen.manifest.listing import ListingTemplate
from batchgen.manifest.names import REQUEST, known_word, listed
from batchgen.manifest.paths import PathTemplate
from batchgen.manifest.row_manifest import NO_CELL, RowManifest, inline, read_sheet, tags_of
from batchgen.manifest.rows.cells import flat
from batchgen.manifest.rows.table import FileStamp, Table, why_no_file
from batchgen.manifest.rows.tables import SUFFIXES, open_table, way_out
from batchgen.manifest.stages import Stage, stages
from batchgen.model import Prepare, Settings

if TYPE_CHECKING:
    from batchgen.manifest.job_template import JobTemplate

Opened = Callable[[str], frozenset[str]]
"""Parameters that a provider opens, by its name or path."""

DEFAULT_PROVIDER = "openai"
_YAML = frozenset({".yaml", ".yml", ".json"})
MANIFEST = yaml_tree.Reading("the manifest")
JSON = yaml_tree.Reading("the manifest", empty=frozenset({"", "null"}), json=True)


def nothing_opened(_provider: str) -> frozenset[str]:
    """Know of no provider that opens parameters."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class Manifest:
    """A checked manifest. `sources` give its jobs, in the order of the file, from the start each time.

    `stages` make two jobs of each: a preview, and what is drawn once that is approved.
    `provider_place` is where the provider is named, when the file names the one that is used; `notify_place` is where
    the file says who is told. `errors` are what is wrong with it apart from single rows; a job that has to do with one
    is not among the sources, which are not `whole` then. `tags` are columns of a table that set nothing.
    """

    settings: Settings
    path: Path
    sources: "tuple[JobTemplate | RowManifest, ...]"
    output: PathTemplate
    inputs: Inputs = field(repr=False, compare=False)
    warnings: tuple[Problem, ...] = ()
    provider_place: Place | None = None
    notify_place: Place | None = None
    stages: tuple[Stage, ...] = ()
    shop: ListingTemplate | None = None
    errors: tuple[Problem, ...] = ()
    whole: bool = True
    tags: tuple[str, ...] = ()
    opened: FileStamp | None = field(default=None, compare=False)

    @property
    def files(self) -> tuple[FileStamp, ...]:
        """The file itself and those of its rows, as they were before anything of them was read."""
        opened = (self.opened, *(source.opened for source in self.sources))
        return tuple(dict.fromkeys(file for file in opened if file))


def load(path: str | Path, provider: str | None = None, opened: Opened = nothing_opened) -> Manifest:
    """Read and check a manifest without reading its rows; raises `InputError` with every problem found.

    `provider` is that of the command line, which stands above the manifest's.
    """
    manifest = read(path, provider, opened)
    if manifest.errors:
        raise InputError(*manifest.errors)
    return manifest


def read(path: str | Path, provider: str | None = None, opened: Opened = nothing_opened) -> Manifest:
    """Read a manifest as `load` does, with its `errors` in it, so that the jobs that are right can be looked at too.

    `opened` tells which parameters a provider, by name or path, takes beside the known ones.

    Raises `InputError` when nothing can be said of its jobs.
    """
    given = Path(path)
    if absent := why_no_file(str(given), Path()):
        raise InputError(absent)
    stamp = FileStamp.of(given)
    return replace(_read(given, provider, opened), opened=stamp)


def _read(given: Path, provider: str | None, opened: Opened) -> Manifest:
    suffix = given.suffix.lower()
    if suffix not in _YAML | SUFFIXES:
        raise InputError(
            Problem(f"a manifest is {listed(_YAML | SUFFIXES)}, not `{suffix}`{way_out(given)}", Place(str(given)))
        )
    if suffix in SUFFIXES:
        return _sheet(open_table(given, str(given)), given, provider, [], opened)
    root = yaml_tree.parse(_text(given), str(given), JSON if suffix == ".json" else MANIFEST)
    if isinstance(root.value, tuple) and suffix == ".json":
        problems = [problem for _, problem in yaml_tree.repeated(root)]
        return _sheet(inline(str(given), list(_objects(root))), given, provider, problems, opened)
    return _document(root, given, provider, opened)


def _text(path: Path) -> str:
    place = Place(str(path))
    try:
        if path.stat().st_size > yaml_tree.MAX_BYTES:
            raise InputError(Problem(f"larger than {yaml_tree.MAX_BYTES:,} bytes; put the rows into a CSV file", place))
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(Problem("not UTF-8 here; save the file as UTF-8", Place(str(path), line))) from error
    except OSError as error:
        raise InputError(Problem(f"cannot be read: {error.strerror}", place)) from error


def _objects(root: yaml_tree.Node) -> Iterator[tuple[Mapping[str, str], Place] | Problem]:
    for item in root.value or ():
        if not isinstance(item, yaml_tree.Node) or not isinstance(item.value, dict):
            yield Problem("each item of the list is one object", getattr(item, "place", root.place))
            continue
        nested = [
            (name, cell.place) for name, cell in item.value.items() if known_word(name) and _is_nested(cell.plain())
        ]
        yield from (Problem(NO_CELL.format(name=name), place) for name, place in nested)
        if nested:
            continue
        try:
            yield flat({name: cell.plain() for name, cell in item.value.items()}), item.place
        except ValueError as error:
            yield Problem(str(error), item.place)


def _is_nested(value: yaml_tree.Plain) -> bool:
    """Whether a value is an object, or a list with more than texts in it: nothing that a word of a request takes."""
    parts = value if isinstance(value, list) else [value]
    return any(isinstance(part, list | dict) for part in parts)


def _sheet(table: Table, path: Path, provider: str | None, problems: list[Problem], opened: Opened) -> Manifest:
    from batchgen.manifest.checked import checked
    from batchgen.manifest.convert import settings

    sheet, said = read_sheet(table, opened(provider or DEFAULT_PROVIDER))
    root = yaml_tree.Node({}, Place(str(path)), {})
    found = checked({"jobs": []}, root, provider)
    problems += found.problems
    fixed = settings(found.form, root, path, problems)
    output = paths.path_template(paths.DEFAULT)
    problems += (problem for problem in said if problem.severity is Severity.ERROR)
    warnings = tuple(problem for problem in said if problem.severity is Severity.WARNING)
    inputs, told, errors = _inputs(path, fixed), (*table.told, *warnings), _sorted(problems)
    return Manifest(fixed, path, (sheet,), output, inputs, told, errors=errors, tags=tags_of(table, sheet.opens))


def _document(root: yaml_tree.Node, path: Path, provider: str | None, opened: Opened) -> Manifest:
    from batchgen.manifest.checked import checked
    from batchgen.manifest.compose import Composer
    from batchgen.manifest.convert import settings

    if not isinstance(root.value, dict):
        raise InputError(Problem("a manifest is names with values, such as `jobs:` with a list", root.place))
    plain = root.plain()
    assert isinstance(plain, dict)
    opens = frozenset[str]().union(*map(opened, _named(root, path.parent, provider)))
    found = checked(plain, root, provider, opens - REQUEST)
    form = found.form
    composer = Composer(found, root, path.parent, opens)
    sources = composer.sources()
    problems = [*found.problems, *composer.problems]
    in_stages = stages(found, root, problems)
    fixed = settings(form, root, path, problems)
    named = root.at("provider")
    return Manifest(
        fixed,
        path,
        sources,
        composer.output,
        _inputs(path, fixed),
        tuple(composer.warnings),
        named.place if named is not root and named.value == form.provider else None,
        root.key_place("notify") if form.notify else None,
        in_stages,
        composer.shop,
        _sorted(problems),
        bool(sources),
    )


def _inputs(path: Path, fixed: Settings) -> Inputs:
    """Read input images beside the manifest; with `prepare` also those that go out as another format."""
    return Inputs(path.parent, prepared=fixed.prepare != Prepare())


def _named(root: yaml_tree.Node, base: Path, provider: str | None) -> Iterator[str]:
    """Name the providers of a manifest that is not checked yet."""
    from batchgen.manifest.convert import entry_of, provider_of

    one, several = root.at("provider"), root.at("providers")
    if given := provider or (one.value if one is not root else None):
        yield provider_of(given, root, base) if isinstance(given, str) else DEFAULT_PROVIDER
    elif several is not root and isinstance(several.value, tuple):
        for entry in several.value:
            named = entry.value
            if isinstance(named, dict):
                named = next((named[key].value for key in ("name", "file") if key in named), None)
            if isinstance(named, str):
                yield entry_of(named, base)
    else:
        yield DEFAULT_PROVIDER


def _sorted(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=by_place))
