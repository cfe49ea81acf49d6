"""Why something is as it is, as codes that are decided on; and the one table of words that people read for them."""

from dataclasses import dataclass
from enum import StrEnum


class ReasonCode(StrEnum):
    """Why a slot is in its state, or why a job ended as it did in a run."""

    NONE = ""
    # what the ledger keeps beside the state of a slot
    MAYBE_CHARGED = "maybe_charged"  # an attempt for it may have been charged
    HELD = "held"  # the same, and its one more try is spent or not wanted: a person decides
    OUTAGE = "outage"  # the same, in a row of such calls that stopped the run: it is not the job's own
    ORPHANED = "orphaned"  # the same, and nobody saw how the attempt ended
    TRANSIENT = "transient"  # given up after every try; a later run tries again by itself
    REFUSED = "refused"  # can never succeed as it is
    UNUSABLE = "unusable"  # charged, and nothing usable came
    MODERATED = "moderated"
    ACCEPTED = "accepted"  # moderated, and a person takes it as it is
    MISMATCH = "mismatch"  # not as asked, which the user does not take
    SHORT = "short"  # fewer images came than were asked
    SHORT_AGAIN = "short_again"  # also when asked again
    INCOMPLETE = "incomplete"  # fewer images came than were asked, and the user does not take fewer
    DOWNLOAD = "download"  # what a download ran into
    AWAITED = "awaited"  # paid; its download is still to be finished
    ADDRESS_GONE = "address_gone"  # paid, but its address gave no image
    RESOLVED_RETRY = "resolved_retry"
    RESOLVED_DROP = "resolved_drop"
    NOT_ON_BILL = "not_on_bill"
    REWORDED = "reworded"
    # why a job was not drawn to its end in this run; not kept
    LIMIT = "limit"
    STOPPED = "stopped"
    SUBMITTED = "submitted"  # accepted by the provider; its images come later
    UNAVAILABLE = "unavailable"
    STORAGE = "storage"
    INPUT = "input"
    PLANNED = "planned"  # as planned: it waits for others, or there is nothing to draw
    PREVIEW = "preview"  # it waits until somebody approves its preview
    CANARY = "canary"  # it waits for the first jobs of its template
    ANCHOR = "anchor"  # it waits until somebody approves the images that it is drawn from
    TEMPLATE = "template"  # too many jobs of its template were moderated or failed
    OTHER = "other"  # words of an older ledger


PRECHECK = "precheck"
"""The cause of what was moderated without a call: a moderation endpoint flagged its prompt."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a code, the code of its cause (of a verdict, or of a missing image), and words of others about it."""

    code: ReasonCode = ReasonCode.NONE
    cause: str = ""
    detail: str = ""

    @property
    def is_undecided(self) -> bool:
        """Whether what may have been charged is not held: its one more try is still to come."""
        return self.code is not ReasonCode.HELD

    @property
    def what(self) -> str:
        """The cause and its words, for people."""
        return f"{self.cause}: {self.detail}" if self.cause and self.detail else self.cause or self.detail

    @property
    def words(self) -> str:
        """The whole reason, for people; empty where there is nothing to say."""
        return _WORDS.get(self.code, "{what}").format(what=self.what)


NO_REASON = Reason()

_WORDS = {
    ReasonCode.MAYBE_CHARGED: "may have been charged: {what}",
    ReasonCode.HELD: "may have been charged: {what}",
    ReasonCode.OUTAGE: "may have been charged in an outage: {what}",
    ReasonCode.ORPHANED: "may have been charged: {what}",
    ReasonCode.TRANSIENT: "for now: {what}",
    ReasonCode.ACCEPTED: "moderated, accepted as it is: {what}",
    ReasonCode.UNUSABLE: "paid, but nothing usable came: {what}",
    ReasonCode.MISMATCH: "not as asked: {what}",
    ReasonCode.SHORT: "{what}: fewer images came than were asked",
    ReasonCode.SHORT_AGAIN: "{what}: fewer images came than were asked, also when asked again",
    ReasonCode.INCOMPLETE: "incomplete: {what}: fewer images came than were asked",
    ReasonCode.AWAITED: "paid; its download is still to be finished",
    ReasonCode.ADDRESS_GONE: "paid, but its address gave no image and never will",
    ReasonCode.RESOLVED_RETRY: "resolved by hand (retry): may have been charged: {what}",
    ReasonCode.RESOLVED_DROP: "resolved by hand (drop): may have been charged: {what}",
    ReasonCode.NOT_ON_BILL: "not charged, as the bill shows",
    ReasonCode.REWORDED: "reworded",
    ReasonCode.STOPPED: "the run stopped",
    ReasonCode.SUBMITTED: "accepted; its images come later",
}
"""What people read for each code; the others are their cause and its words alone."""
