"""`batchgen doctor`: whether a run would work."""

import click

from batchgen.cli import spoken
from batchgen.cli.desk import Desk
from batchgen.cli.params import base_url_option, provider_option
from batchgen.errors import Exit


@spoken.command("doctor")
@provider_option
@base_url_option
@click.pass_obj
def command(desk: Desk, provider: str | None, base_url: str | None) -> int:
    """Examine key, model, life span, limits, disk, clock and the provider's way of answering. Free calls only.

    Examples:
      batchgen doctor
      batchgen doctor --provider apiyi

    Exit status: 0 when nothing is bad, otherwise that of the worst: 8 storage, 5 account, 2 settings, 6 unavailable.
    """
    from batchgen.cli.words.upkeep import count_findings, diagnosis, finding_line

    findings = []
    for finding in desk.app.doctor(provider, base_url):
        findings.append(finding)
        desk.paper.out(finding_line(finding))
    desk.paper.out(count_findings(findings))
    return Exit(diagnosis(findings))
