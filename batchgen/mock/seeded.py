"""Seeded chance: it depends on what is asked and not on when, the same in any order of arrival."""

from hashlib import blake2b


def draw(seed: int, *what: object) -> float:
    """Draw a number in [0, 1), always the same for the same seed and subject."""
    subject = "\x1f".join(map(str, (seed, *what)))
    digest = blake2b(subject.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) / (1 << 53)


def between(low: float, high: float, share: float) -> float:
    """Find the point that lies `share` of the way from low to high."""
    return low + (high - low) * share
