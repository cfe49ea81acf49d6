"""`batchgen doctor`: whether a run would work."""

from pathlib import Path

import click

from batchgen.cli.command import Context, subcommand
from batchgen.cli.params import STORE, LocalPath, base_url_option, provider_option
from batchgen.errors import Exit


@subcommand("doctor")
@click.argument("manifest", type=LocalPath(), required=False)
@provider_option
@base_url_option
@click.option("--store", type=STORE, help="Try a store too: a small object comes and goes.")
def command(
    context: Context, manifest: Path | None, provider: str | None, base_url: str | None, store: str | None
) -> int:
    """Examine key, model, life span, limits, disk, clock and the provider's way of answering. Free calls only.

    With MANIFEST, each of its providers is asked, and its store is tried.

    Examples:
      batchgen doctor
      batchgen doctor shop.yaml
      batchgen doctor --provider apiyi
      batchgen doctor --store s3://shop-images/catalogue

    Exit status: 0 when nothing is bad, otherwise that of the worst: 8 storage, 5 account, 2 settings, 6 unavailable.
    """
    from batchgen.app.preview.doctor import examine
    from batchgen.cli.render.upkeep import count_findings, diagnosis, finding_line

    findings = []
    for finding in examine(provider, base_url, store=store, manifest=manifest):
        findings.append(finding)
        context.console.out(finding_line(finding))
    context.console.out(count_findings(findings))
    return Exit(diagnosis(findings))
