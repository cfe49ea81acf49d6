"""One line on where a run stands."""

from batchgen.cli.door import Progress
from batchgen.money import short
from batchgen.text import counted, duration, safe


def progress_line(progress: Progress) -> str:
    """Jobs, pictures, money of limit, rate, time left, retries, in flight and the state."""
    parts = (
        f"{_of(progress.jobs_done, progress.jobs_total)} jobs",
        f"{_of(progress.images_stored, progress.images_wanted)} pictures",
        short(progress.spent) + (f" of {short(progress.cap)}" if progress.cap is not None else ""),
        f"{progress.images_per_minute:.0f}/min" if progress.images_per_minute else "",
        f"{duration(progress.eta_seconds)} left" if progress.eta_seconds is not None else "",
        counted(progress.retries, "retry", "retries") if progress.retries else "",
        f"{progress.in_flight} in flight" if progress.in_flight else "",
        safe(progress.state, 60),
    )
    return ", ".join(part for part in parts if part)


def _of(done: int, total: int | None) -> str:
    return f"{done:,}" if total is None else f"{done:,}/{total:,}"
