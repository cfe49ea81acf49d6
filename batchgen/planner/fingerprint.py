"""Whether a manifest wants what it wanted when it was finished last: then the ledger knows the plan without a walk."""

import json
from hashlib import blake2b
from itertools import islice

from batchgen.ledger import Ledger, Wanted
from batchgen.storage import ImageStore

AT_ONCE = 4096
"""Paths looked up in the store in one go."""

TOLD = "fingerprint"
"""Among a run's counts: the fingerprint of what it wanted, once its report tells of it."""


class Fingerprint:
    """Grows over the jobs of one walk. Two are equal when the ledger would keep the same of every job, in one order.

    `reads_files`: images go into a job, so that it is another one when their bytes are.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> "Fingerprint":
        """Forget the jobs of a walk that begins again."""
        self._hash = blake2b(digest_size=8)
        self.reads_files = False
        return self

    def add(self, wanted: Wanted) -> None:
        """Take the next job."""
        job, request = wanted.job, wanted.job.request
        self.reads_files = self.reads_files or bool(request.images or request.mask or request.files)
        look = (wanted.model, wanted.size, wanted.quality, wanted.provider)
        kept = repr((job.key, job.id, job.n, *look, str(job.place), job.tags, job.listing, job.variant))
        self._hash.update(kept.encode("utf-8", "surrogatepass"))

    @property
    def value(self) -> int:
        """All jobs so far as one number of 62 bits, to fit anywhere."""
        return int.from_bytes(self._hash.digest()) >> 2


def told_before(ledger: Ledger, run_id: str) -> tuple[str, int | None]:
    """Return the run before this one, and the fingerprint of what its report tells; "" and None when there is none."""
    for run in ledger.runs.latest_first():
        if run.run_id != run_id:
            return run.run_id, json.loads(run.counts).get(TOLD)
    return "", None


def is_finished(ledger: Ledger, store: ImageStore, run_id: str, images: int) -> bool:
    """Whether every image that a run wanted is stored, its file is there, and no other was approved in its stead."""
    if ledger.reviews.keeps_others(run_id):
        return False
    found, stored = 0, ledger.images.paths_of(run_id)
    while paths := list(islice(stored, AT_ONCE)):
        if not store.taken(paths).issuperset(paths):
            return False
        found += len(paths)
    return found == images
