"""What a run tells those who watch it, and what it asks them."""

from dataclasses import dataclass
from typing import Protocol

from batchgen.money import ZERO, MicroUSD


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands. `jobs_total` is None while the manifest is being read, `cap` without a limit."""

    jobs_done: int = 0
    jobs_total: int | None = None
    images_stored: int = 0
    images_wanted: int = 0
    spent: MicroUSD = ZERO
    cap: MicroUSD | None = None
    images_per_minute: float = 0.0
    eta_seconds: float | None = None
    retries: int = 0
    in_flight: int = 0
    state: str = ""


class Watch(Protocol):
    """What a run tells while it works, and asks before it starts."""

    @property
    def attended(self) -> bool:
        """Whether a person sits at a terminal."""

    def on_progress(self, progress: Progress, /) -> None:
        """Take where the run stands."""

    def on_note(self, text: str, /, *, urgent: bool = False) -> None:
        """Take a line worth a person's attention."""

    def ask(self, question: str, /) -> bool:
        """Ask before an expensive run."""


class Unwatched:
    """Nobody looks and nobody answers: for the Python API."""

    attended = False

    def on_progress(self, progress: Progress, /) -> None:
        """Pass over."""

    def on_note(self, text: str, /, *, urgent: bool = False) -> None:
        """Pass over."""

    def ask(self, _question: str, /) -> bool:
        """Say yes: a program that calls has decided."""
        return True
