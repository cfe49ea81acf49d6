"""`batchgen check`: whether the manifest is right."""

from pathlib import Path
from typing import Any

from batchgen.cli.command import Context, subcommand
from batchgen.cli.params import reads_manifest, skip_bad_rows_option
from batchgen.errors import Exit, InputError


@subcommand("check")
@reads_manifest
@skip_bad_rows_option
def command(context: Context, /, manifest: Path, *, as_json: bool, **words: Any) -> int:
    """Find errors and doubtful places in MANIFEST. Nothing is sent.

    Errors are what would stop a run: unknown keys, undefined variables, sizes or qualities that the model
    refuses, two jobs with one id or one path. Warnings are what you may not want: a model with a shut-down date, a
    prompt that ends in `--ar 16:9`, a name that moderation may stop. Each stands on stderr as
    `file:line:column: error: ...`.

    Examples:
      batchgen check catalogue.yaml
      batchgen check prompts.csv --provider apiyi
      batchgen check catalogue.yaml --json | jq .errors

    Exit status: 0 without errors, 2 with errors.
    """
    from batchgen.app.config.project import open_project
    from batchgen.app.preview.check import check
    from batchgen.cli.render.upkeep import check_json, check_line, tally

    options = context.options(**words)
    try:
        result = check(open_project(manifest, options))
    except InputError as error:
        if as_json:
            context.console.json(check_json(error.problems, None))
        raise
    context.console.tell(result.problems)
    context.console.show(check_json(result.problems, result.manifest_summary) if as_json else check_line(result))
    errors, _ = tally(result.problems)
    return Exit.INPUT if errors else Exit.OK
