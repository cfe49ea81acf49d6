"""What the page shows beside an image: what was sent along with its job, and what stood in its place before."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from batchgen.ledger import EarlierRow, Ledger, MeasuredRow
from batchgen.model import FileImage, InputImage


@dataclass(frozen=True, slots=True)
class Beside:
    """Images sent, by the job's key; the latest that were replaced, by key and slot; what was measured, by hash."""

    sent: Mapping[str, tuple[InputImage, ...]] = field(default_factory=dict)
    before: Mapping[tuple[str, int], EarlierRow] = field(default_factory=dict)
    measured: Mapping[str, MeasuredRow] = field(default_factory=dict)

    def files(self) -> dict[str, FileImage]:
        """Return the files among what was sent, each once, by their hashes."""
        sent = (image for images in self.sent.values() for image in images)
        return {image.sha256: image for image in sent if isinstance(image, FileImage)}


NOTHING = Beside()


def read(ledger: Ledger, keys: Collection[str]) -> Beside:
    """Read what belongs beside the images of jobs."""
    sent = dict[str, list[InputImage]]()
    for key, image in ledger.report_rows.sent_images():
        if key in keys:
            sent.setdefault(key, []).append(image)
    measured = {row.sha256: row for row in ledger.report_rows.measured()}
    return Beside({key: tuple(images) for key, images in sent.items()}, before(ledger, keys), measured)


def before(ledger: Ledger, keys: Collection[str]) -> dict[tuple[str, int], EarlierRow]:
    """Read what the images of jobs took the place of."""
    return {(row.job_key, row.slot): row for row in ledger.report_rows.earlier() if row.job_key in keys}
