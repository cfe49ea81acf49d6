"""`batchgen doctor`: whether a run would work."""

import click

from batchgen.cli.command import subcommand
from batchgen.cli.context import Context
from batchgen.cli.params import base_url_option, provider_option, store_address
from batchgen.errors import Exit


@subcommand("doctor")
@provider_option
@base_url_option
@click.option("--store", metavar="URL", callback=store_address, help="Try a store too: a small object comes and goes.")
@click.pass_obj
def command(context: Context, provider: str | None, base_url: str | None, store: str | None) -> int:
    """Examine key, model, life span, limits, disk, clock and the provider's way of answering. Free calls only.

    Examples:
      batchgen doctor
      batchgen doctor --provider apiyi
      batchgen doctor --store s3://shop-images/catalogue

    Exit status: 0 when nothing is bad, otherwise that of the worst: 8 storage, 5 account, 2 settings, 6 unavailable.
    """
    from batchgen.app.preview.doctor import examine
    from batchgen.cli.render.upkeep import count_findings, diagnosis, finding_line

    findings = []
    for finding in examine(provider, base_url, store=store):
        findings.append(finding)
        context.console.out(finding_line(finding))
    context.console.out(count_findings(findings))
    return Exit(diagnosis(findings))
