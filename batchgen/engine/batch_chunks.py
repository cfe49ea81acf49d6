"""Attempts cut into batches: one model and one endpoint each, and no larger than a provider and a day allow."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from batchgen.catalog import parse_size
from batchgen.engine.lane import Part
from batchgen.executor.batch_input import line_bytes
from batchgen.model import Attempt, BatchRules, BatchSettings

BATCH = "batch"
"""How the ids of batches begin: those of attempts have nothing but hexadecimal digits."""
MOST_UPLOAD = 190_000_000
"""Bytes of an input file; 200 MB are taken."""
USUAL = (1024, 1024)
LOSSY = frozenset({"jpeg", "jpg", "webp"})


@dataclass(slots=True)
class Chunk:
    """Attempts of one batch, and what they add up to."""

    model: str
    endpoint: str
    attempts: list[Attempt] = field(default_factory=list)
    upload: int = 0
    output: int = 0
    tokens: int = 0

    @property
    def part(self) -> Part:
        """Return what it asks its provider for."""
        return self.attempts[0].request.operation, self.model


@dataclass(slots=True)
class Chunks:
    """Collects attempts into batches; `tokens` are how many of a model may wait at its provider, where known."""

    settings: BatchSettings
    rules: BatchRules = field(default_factory=BatchRules)
    tokens: dict[str, int] = field(default_factory=dict)
    _open: dict[tuple[str, str], Chunk] = field(default_factory=dict)

    def add(self, attempt: Attempt) -> Chunk | None:
        """Put an attempt into its batch; the batch that has become full by that, without the attempt."""
        kind = (attempt.model, self.rules.line_url(attempt.request.operation))
        chunk = self._open.get(kind)
        full = chunk if chunk and not self._fits(chunk, attempt) else None
        if chunk is None or full:
            chunk = self._open[kind] = Chunk(*kind)
        chunk.attempts.append(attempt)
        chunk.upload += line_bytes(attempt)
        chunk.output += output_bytes(attempt)
        chunk.tokens += attempt.quote.input_tokens
        return full

    def rest(self) -> Iterator[Chunk]:
        """Give the batches that are not full."""
        while self._open:
            yield self._open.pop(next(iter(self._open)))

    def _fits(self, chunk: Chunk, attempt: Attempt) -> bool:
        most = self.tokens.get(chunk.model)
        return (
            len(chunk.attempts) < self.settings.max_lines
            and chunk.upload + line_bytes(attempt) <= MOST_UPLOAD
            and chunk.output + output_bytes(attempt) <= self.settings.max_output
            and (most is None or chunk.tokens + attempt.quote.input_tokens <= most)
        )


def output_bytes(attempt: Attempt) -> int:
    """Guess how long the answer to an attempt is: base64 of so many images of its size."""
    lossy = attempt.request.output_format in LOSSY
    width, height = parse_size(attempt.request.param("size")) or USUAL
    return int(attempt.n * width * height * (0.5 if lossy else 2.2) * 4 / 3)
