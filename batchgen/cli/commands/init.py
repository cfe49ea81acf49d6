"""`batchgen init`: a manifest to begin with."""

import errno
import shlex
from importlib.resources import files
from pathlib import Path

import click

from batchgen.cli.command import Context, subcommand
from batchgen.cli.params import LocalPath
from batchgen.errors import InputError, StorageError
from batchgen.text import safe

# Name in the user's folder -> template in the package.
STARTER = {"catalogue.yaml": "catalogue.yaml", "products.csv": "products.csv", ".env.example": "env.txt"}


_BAD_NAMES = frozenset({errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES, errno.EPERM})


@subcommand("init")
@click.argument("folder", metavar="[DIR]", default=".", type=LocalPath())
@click.option(
    "--from",
    "export",
    metavar="FILE",
    type=LocalPath(),
    help="Look at an export of a shop (CSV, TSV, XLSX, JSONL or Parquet) and write a manifest for it.",
)
def command(context: Context, folder: Path, export: Path | None) -> None:
    """Write a commented starter manifest, a CSV and an .env.example into DIR, by default the working directory.

    The starter runs as it is, with sample images from this machine, no key and no cost. With --from, the manifest is
    written for your own rows: columns are guessed and told, each guess can be changed in the file. Nothing is
    overwritten.

    Examples:
      batchgen init
      batchgen init shop
      batchgen init --from export.csv
    """
    if export is not None:
        manifest, look = _from_export(context, export, folder), "check"
    else:
        for path in write_starter(folder):
            context.console.out(f"wrote {safe(path, 1000)}")
        manifest, look = folder / "catalogue.yaml", "plan"
    named = safe(shlex.quote(str(manifest)), 1000)
    context.console.out(f"\nNext:\n  batchgen {look} {named}\n  batchgen run {named}")


def _from_export(context: Context, export: Path, folder: Path) -> Path:
    from batchgen.app.preview.from_export import manifest_for
    from batchgen.app.preview.plan import estimate_manifest
    from batchgen.cli.render import money, upkeep

    written = manifest_for(export, folder)
    context.console.out(upkeep.guessed(written))
    result = estimate_manifest(written.path, context.options())
    context.console.tell(problem for problem in result.warnings if problem not in written.told)
    context.console.out(f"\n{money.total(result)}")
    return written.path


def write_starter(folder: Path) -> list[Path]:
    """Write the files, none when one is there already or DIR can be no folder (InputError).

    StorageError when the disk takes none.
    """
    paths = {folder / name: template for name, template in STARTER.items()}
    try:
        if there := [path for path in paths if path.exists() or path.is_symlink()]:
            message = "is there already and is not overwritten; name another folder"
            raise InputError(*(f"{path} {message}" for path in there))
        folder.mkdir(parents=True, exist_ok=True)
        for path, template in paths.items():
            with path.open("x", encoding="utf-8") as file:
                file.write(files("batchgen.cli").joinpath("starter", template).read_text("utf-8"))
    except OSError as error:
        if error.errno in _BAD_NAMES:
            why = f"{safe(folder, 200)} can be no folder of yours ({error.strerror}); name another one"
            raise InputError(why) from error
        raise StorageError(f"{error.filename or folder} cannot be written: {error.strerror}") from error
    return list(paths)
