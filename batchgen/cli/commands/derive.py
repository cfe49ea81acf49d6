"""`batchgen derive`: other sizes and formats of stored images."""

from pathlib import Path

import click

from batchgen.cli.command import Context, subcommand
from batchgen.cli.params import LocalPath, json_option, output_argument
from batchgen.errors import Exit
from batchgen.text import safe


@subcommand("derive")
@output_argument
@click.option("--manifest", metavar="FILE", type=LocalPath(), help="Take the recipes of this manifest instead.")
@click.option(
    "--only", metavar="PATTERN", multiple=True, help="Only images of jobs whose id matches, such as 'sofa-*'."
)
@json_option
def command(
    context: Context, output: Path | None, *, manifest: Path | None, only: tuple[str, ...], as_json: bool
) -> int:
    """Make the derivatives of the folder OUTPUT that are missing, or whose recipe or image changed.

    The recipes stand under `derivatives` in the manifest that the latest run read. No network, no cost.
    Without OUTPUT, the folder below `output/` that was written last.

    Examples:
      batchgen derive
      batchgen derive output/autumn-catalogue --only 'sofa-*'

    Exit status: 0 when all are made, 3 when some could not be made.
    """
    from batchgen.app.output.derive import derive_output
    from batchgen.cli.render.upkeep import derived

    folder = context.output(output)
    result = derive_output(folder, manifest, only)
    for path, why in result.failed:
        context.console.err(f"batchgen: {safe(path, 1000)}: {safe(why)}")
    counts = {"made": result.made, "kept": result.kept, "failed": len(result.failed)}
    context.console.show({"output": str(folder), **counts} if as_json else derived(result))
    return Exit.SOME_FAILED if result.failed else Exit.OK
