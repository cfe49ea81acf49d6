"""What people read of a call that does not fit into a limit: the facts are the ledger's, the words are made here."""

from batchgen.ledger import COUNT_IMAGES, CapKind, Refused
from batchgen.money import MicroUSD, exact

_NAMES = {
    CapKind.MAX_COST: "the cost limit of this run",
    CapKind.MAX_IMAGES: "the images allowed in this run",
    CapKind.DAY: "the budget of the day",
    CapKind.MONTH: "the budget of the month",
    CapKind.IMAGES_PER_DAY: "the images allowed per day",
}


def words(refused: Refused) -> str:
    """Say which limit refused a call, what it asked for and what is left."""
    if refused.kind is CapKind.APPROVED:
        return f"{refused.place} was approved meanwhile and stays"
    name = _NAMES[refused.kind]
    if refused.kind in COUNT_IMAGES:
        room = f"the {refused.headroom} that are left"
        return f"{name} are {refused.limit}: a call for {refused.ask} does not fit into {room}"
    limit, ask, free = (exact(MicroUSD(amount)) for amount in (refused.limit, refused.ask, refused.headroom))
    return f"{name} is {limit}: a call that may cost {ask} does not fit into the {free} that are left"
