"""A part of all jobs, for one of several machines that know nothing of each other."""

import re
from dataclasses import dataclass
from hashlib import sha256

MOST_SHARDS = 100_000
_SHAPE = re.compile(r"([0-9]{1,9})/([0-9]{1,9})", re.ASCII)
_BITS = 256


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` equal parts of all ids; `index` counts from 1."""

    index: int
    count: int

    @classmethod
    def read(cls, text: str) -> "Shard":
        """Read `3/8`; ValueError with what is right."""
        found = _SHAPE.fullmatch(text)
        index, count = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= index <= count <= MOST_SHARDS:
            raise ValueError(
                f"{text!r} is not a shard: write I/N, the number of this one and how many there are, such as 3/8; "
                "I counts from 1 to N"
            )
        return cls(index, count)

    def holds(self, name: str) -> bool:
        """Tell whether an id belongs to this shard: its hash falls into this one of `count` equal ranges."""
        digest = int.from_bytes(sha256(name.encode("utf-8", "surrogatepass")).digest())
        return digest * self.count >> _BITS == self.index - 1

    @property
    def name(self) -> str:
        """Name it as part of a path: `3-of-8`."""
        return f"{self.index}-of-{self.count}"

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"
