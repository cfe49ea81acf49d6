"""Where a run stands, on one line or around a bar."""

from batchgen.app.watch import Progress
from batchgen.money import short
from batchgen.text import counted, duration, safe


def progress_line(progress: Progress) -> str:
    """Jobs, images, money of limit, rate, time left, retries, in flight and the state."""
    return _listed(f"{_of(progress.jobs_done, progress.jobs_total)} jobs", *_images(progress), *_rest(progress))


def beside_bar(progress: Progress) -> str:
    """Images, money and time left: what stands beside a bar."""
    images, money, _rate, left = _images(progress)
    return _listed(images, money, left)


def below_bar(progress: Progress) -> str:
    """Jobs and how the work goes: what stands below a bar."""
    _images_so_far, _money, rate, _left = _images(progress)
    return _listed(f"{_of(progress.jobs_done, progress.jobs_total)} jobs", rate, *_rest(progress))


def _images(progress: Progress) -> tuple[str, str, str, str]:
    """Images, money of limit, rate and time left."""
    return (
        f"{_of(progress.images_stored, progress.images_wanted)} images",
        short(progress.spent) + (f" of {short(progress.cap)}" if progress.cap is not None else ""),
        f"{progress.images_per_minute:.0f}/min" if progress.images_per_minute else "",
        f"{duration(progress.eta_seconds)} left" if progress.eta_seconds is not None else "",
    )


def _rest(progress: Progress) -> tuple[str, ...]:
    return (
        counted(progress.retries, "retry", "retries") if progress.retries else "",
        f"{progress.in_flight} in flight" if progress.in_flight else "",
        safe(progress.state, 60),
    )


def _listed(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _of(done: int, total: int | None) -> str:
    return f"{done:,}" if total is None else f"{done:,}/{total:,}"
