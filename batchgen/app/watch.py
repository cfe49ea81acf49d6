"""What a run tells those who watch it, in numbers and in words, and what it asks them."""

from dataclasses import dataclass
from typing import Protocol

from batchgen.money import ZERO, MicroUSD, short
from batchgen.text import counted, duration, safe


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands. `jobs_total` is None while the manifest is being read, `cap` without a limit.

    `projected` is what it will probably have cost at its end, and `projected_seconds` how long it will have taken.
    """

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
    failed: int = 0
    moderated: int = 0
    projected: MicroUSD | None = None
    projected_seconds: float | None = None


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


def progress_line(progress: Progress) -> str:
    """Jobs, images, money of limit, rate, time left, what it comes to in all, retries, in flight and the state."""
    jobs = f"{_of(progress.jobs_done, progress.jobs_total)} jobs"
    return _listed(jobs, *_images(progress), _in_all(progress), *_rest(progress))


def beside_bar(progress: Progress) -> str:
    """Images, money and time left: what stands beside a bar."""
    images, money, _rate, left = _images(progress)
    return _listed(images, money, left)


def below_bar(progress: Progress) -> str:
    """Jobs and how the work goes: what stands below a bar."""
    _images_so_far, _money, rate, _left = _images(progress)
    return _listed(f"{_of(progress.jobs_done, progress.jobs_total)} jobs", rate, _in_all(progress), *_rest(progress))


def _images(progress: Progress) -> tuple[str, str, str, str]:
    """Images, money of limit, rate and time left."""
    return (
        f"{_of(progress.images_stored, progress.images_wanted)} images",
        short(progress.spent) + (f" of {short(progress.cap)}" if progress.cap is not None else ""),
        f"{progress.images_per_minute:.0f}/min" if progress.images_per_minute else "",
        f"{duration(progress.eta_seconds)} left" if progress.eta_seconds is not None else "",
    )


def _in_all(progress: Progress) -> str:
    """Say what the run will probably have cost and taken at its end."""
    money = short(progress.projected) if progress.projected is not None else ""
    time = duration(progress.projected_seconds) if progress.projected_seconds is not None else ""
    both = " and ".join(part for part in (money, time) if part)
    return f"about {both} in all" if both else ""


def _rest(progress: Progress) -> tuple[str, ...]:
    return (
        f"{progress.failed:,} failed" if progress.failed else "",
        f"{progress.moderated:,} moderated" if progress.moderated else "",
        counted(progress.retries, "retry", "retries") if progress.retries else "",
        f"{progress.in_flight} in flight" if progress.in_flight else "",
        safe(progress.state, 60),
    )


def _listed(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _of(done: int, total: int | None) -> str:
    return f"{done:,}" if total is None else f"{done:,}/{total:,}"
