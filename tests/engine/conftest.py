"""Jobs and attempts that take only what matters to a law."""

from itertools import count

from batchgen.model import Attempt, ImageRequest, Job, Operation, Quote
from batchgen.money import ZERO, MicroUSD

_NUMBERS = count()


def job(name: str = "a", n: int = 1) -> Job:
    """Make a job."""
    request = ImageRequest(Operation.GENERATE, f"an image of {name}")
    return Job(name, name * 8, request, n, path=lambda slot, ext: f"{name}-{slot}.{ext}")


def attempt(high: int, n: int = 1) -> Attempt:
    """Make an attempt that may cost so much."""
    quote = Quote(ZERO, ZERO, MicroUSD(high))
    return Attempt(f"attempt-{next(_NUMBERS)}", "run", job(n=n), "gpt-image-2", "openai", tuple(range(n)), quote)
