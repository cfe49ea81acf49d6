"""The ledger: the only room that speaks SQL, and the money gate."""

from batchgen.ledger.adoption import Adopted
from batchgen.ledger.attempts import AttemptRow
from batchgen.ledger.batches import BatchRow, BatchState, NewBatch
from batchgen.ledger.bills import BookedCall, Difference, DifferenceKind
from batchgen.ledger.downloads import PendingDownload
from batchgen.ledger.images import RecordedImage, SupersededImage
from batchgen.ledger.job_records import UNKNOWN, Known, Previous, Slot, Tried, Wanted
from batchgen.ledger.joining import Joining
from batchgen.ledger.ledger import Ledger, nowhere
from batchgen.ledger.leftovers import Aside
from batchgen.ledger.measures import Begun
from batchgen.ledger.month import BudgetFacts, Month, MonthLine, Sums
from batchgen.ledger.provider_keys import account_mark, key_mark
from batchgen.ledger.report_records import (
    AcceptedRow,
    CallRow,
    EarlierRow,
    ImageRow,
    JobRow,
    ListedRow,
    MeasuredRow,
    SidecarRow,
    UsageRow,
    VariantRow,
    WayRow,
)
from batchgen.ledger.reservations import COUNT_IMAGES, CapKind, Caps, Headroom, Refused
from batchgen.ledger.reviews import Approved, Judged, Review, Reworded
from batchgen.ledger.risk import Decision, Held
from batchgen.ledger.runs import RunRow, RunStart
from batchgen.ledger.totals import (
    Counted,
    Exposure,
    Finding,
    History,
    ImageCounts,
    JobCounts,
    Money,
    Reconciliation,
    Totals,
    Waste,
)
