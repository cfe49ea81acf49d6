"""`batchgen review`: what people decided about images."""

from pathlib import Path

import click

from batchgen.cli.command import Context, subcommand
from batchgen.cli.params import LocalPath, output_argument


@subcommand("review")
@click.argument("decisions", type=LocalPath(), metavar="FILE")
@output_argument
def command(context: Context, decisions: Path, output: Path | None) -> None:
    """Keep the decisions of FILE about images of the folder OUTPUT. Nothing is sent.

    FILE is what the report page exports, or the same as a table with the columns job, key, slot, sha256, decision
    and note. A later decision replaces an earlier one; one about an image that is another one by now is left out.
    A file from the page of another output is refused.

    Approved images are frozen: never overwritten, moved or drawn again, whatever the manifest asks for later.
    Rejected ones stand in report/rerun.csv until `batchgen run MANIFEST --rejected` has drawn them again.
    Without OUTPUT, the folder below `output/` that was written last.

    Examples:
      batchgen review ~/Downloads/review.json
      batchgen review decided.csv output/autumn-catalogue

    Exit status: 0, or 2 when the file cannot be read; nothing was kept then.
    """
    from batchgen.app.review.decisions import review
    from batchgen.cli.render.upkeep import reviewed

    result = review(decisions, context.output(output))
    context.console.tell(result.left_out)
    context.console.out(reviewed(result))
