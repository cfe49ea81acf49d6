"""`batchgen resolve`: what to do with held jobs."""

from pathlib import Path

import click

from batchgen.cli.command import Context, subcommand
from batchgen.cli.params import LocalPath, only_option
from batchgen.errors import Exit

DECISIONS = ("retry", "fail")


@subcommand("resolve", options_metavar="[--only PATTERN]...")
@click.argument("words", nargs=-1, metavar="[OUTPUT] [retry|fail]")
@only_option
@click.option("--accept", is_flag=True, help="Close moderated jobs for good: no run tells of them again.")
def command(context: Context, words: tuple[str, ...], only: tuple[str, ...], *, accept: bool) -> int:
    """Decide the held jobs of the folder OUTPUT; without a decision, list them.

    A job is held when a call for it may have been paid and its one more try is spent, or not wanted. One that a run
    was stopped at before that try is asked for once more by the next run, and can be decided before. So can a paid
    image whose address does not give it. `retry` gives a job to the next run, which may pay a second time;
    `fail` gives it up. Money at risk stays counted until `batchgen reconcile`.
    --accept closes moderated jobs instead: their images stay missing, and no run counts or tells that again.
    Without OUTPUT, the folder below `output/` that was written last.

    Examples:
      batchgen resolve output/autumn-catalogue
      batchgen resolve output/autumn-catalogue retry
      batchgen resolve output/autumn-catalogue fail --only 'sofa-*'
      batchgen resolve output/autumn-catalogue --accept

    Exit status: 0, or 7 while listed jobs wait for a decision.
    """
    from batchgen.app.output import maintain
    from batchgen.cli.render.upkeep import accepted, decided, held

    output, decision = read(words)
    if accept:
        if decision:
            raise click.UsageError("--accept is about moderated jobs, retry and fail about held ones; choose one.")
        context.console.out(accepted(maintain.accept(context.output(output), only=only)))
        return Exit.OK
    jobs = maintain.resolve(context.output(output), decision=decision, only=only)
    context.console.out(decided(jobs, decision) if decision else held(jobs))
    return Exit.HELD if not decision and any(job.waits for job in jobs) else Exit.OK


def read(words: tuple[str, ...]) -> tuple[Path | None, str | None]:
    """Folder and decision; either may be left out. A folder named like a decision is written `./retry`."""
    if not words:
        return None, None
    *rest, last = words
    decision = last if last in DECISIONS else None
    folders = rest if decision else list(words)
    if len(folders) > 1:
        raise click.UsageError(f"{last!r} is not a decision; say retry or fail after the folder.")
    return (LocalPath().convert(folders[0], None, None) if folders else None), decision
