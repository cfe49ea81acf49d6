"""Jobs and attempts that take only what matters to a law."""

from itertools import count

from batchgen.model import Attempt, ImageRequest, Job, Operation, Quote, Stems
from batchgen.money import ZERO, MicroUSD

_NUMBERS = count()


def job(name: str = "a", n: int = 1) -> Job:
    """Make a job."""
    request = ImageRequest(Operation.GENERATE, f"an image of {name}")
    return Job(name, name * 8, request, n, Stems((f"{name}-*",)))


def attempt(high: int, n: int = 1) -> Attempt:
    """Make an attempt that may cost so much."""
    quote, mine = Quote(ZERO, ZERO, MicroUSD(high)), job(n=n)
    asked = (mine.key, mine.id, mine.request, mine.stems)
    return Attempt(f"attempt-{next(_NUMBERS)}", "run", *asked, "gpt-image-2", "openai", tuple(range(n)), quote)
