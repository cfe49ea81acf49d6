"""Which of millions of things were met before, at eight bytes each."""

from array import array
from bisect import bisect_left
from collections import defaultdict
from functools import partial

_BUCKETS = 4096
_64_BITS = (1 << 64) - 1


class Seen:
    """A growing set of 64-bit digests in sorted machine-word arrays: a tenth of the memory of a set of integers."""

    def __init__(self) -> None:
        self._buckets: defaultdict[int, array[int]] = defaultdict(partial(array, "Q"))

    def add(self, digest: int) -> bool:
        """Remember a digest; False when it was there already."""
        bucket = self._buckets[digest % _BUCKETS]
        at = bisect_left(bucket, digest)
        if at < len(bucket) and bucket[at] == digest:
            return False
        bucket.insert(at, digest)
        return True

    def __contains__(self, digest: int) -> bool:
        bucket = self._buckets[digest % _BUCKETS]
        at = bisect_left(bucket, digest)
        return at < len(bucket) and bucket[at] == digest


def digest_of(text: str) -> int:
    """Give 64 bits that stand for a text as long as this process lives."""
    return hash(text) & _64_BITS
