"""What follows from an attempt whose answer came after its run: as in a run, by what was tried before. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from batchgen.engine.decide import Over, Policy, Tally, decide
from batchgen.ledger import AttemptRow
from batchgen.model import AttemptState, Purpose, Reason, ReasonCode, Receipt, Remedy, Settings, SlotState

MODERATED = "moderation_blocked"
NO_TRY = frozenset({"rate_limit", "slow_down", "not_sent", "batch_expired", "batch_cancelled"})
"""Codes of attempts that were not made in the end."""


def tally_of(before: Sequence[AttemptRow]) -> Tally:
    """Say what earlier attempts for the same images have been through."""
    made = [
        row for row in before if row.brought == 0 and row.code not in NO_TRY and row.state is not AttemptState.NOT_SENT
    ]
    return Tally(
        tries=len(made),
        uncertain=sum(row.state is AttemptState.AT_RISK for row in made),
        moderated=sum(row.code == MODERATED for row in made),
        empty=sum(row.state is AttemptState.CHARGED_NO_RESULT for row in made),
        last_code=made[-1].code if made else "",
    )


def marks_of(
    row: AttemptRow, receipt: Receipt, before: Sequence[AttemptRow], settings: Settings
) -> dict[int, tuple[SlotState, Reason]]:
    """Say what becomes of the slots of an attempt that brought nothing; those that are wanted again are left out."""
    verdict = receipt.verdict
    if receipt.came or verdict.code in NO_TRY:
        return {}
    tally = tally_of(before)
    if row.purpose is Purpose.TOP_UP:  # moderation has had its second chance
        tally = replace(tally, moderated=max(tally.moderated, 1))
    may_risk = verdict.remedy is not Remedy.UNCERTAIN
    then = decide(verdict, tally, Policy(settings.retry, settings.on_uncertain, may_risk))
    if not isinstance(then, Over) or then.slots is SlotState.NOT_STARTED:
        return {}
    if receipt.withheld and tally.empty == 0:
        then = replace(then, slots=SlotState.MODERATED)
    if then.slots is SlotState.UNCERTAIN:  # a person decides
        then = replace(then, reason=replace(then.reason, code=ReasonCode.HELD))
    return dict.fromkeys(row.slots, (then.slots, then.reason))
